#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "ops/events.h"
#include "services/orchestration/fleet.h"
#include "services/orchestration/host_archives.h"
#include "services/orchestration/host_places.h"
#include "services/orchestration/placement.h"
#include "services/orchestration/step_runner.h"
#include "services/topology/types.h"

namespace muster::orchestration {

/// What deploy() is asked for.
struct DeployOrder {
  Family family;
  std::string provider;  ///< id or name; empty: all of the family's domains
  std::size_t amount = 1;
  bool is_started = true;
  std::vector<std::string> bound_to = {};  ///< ids: the families of a caller that is bound to some
};

/// Deploys, starts, stops and removes nodes. Each node has a row that says what is wanted of it and
/// how far it has come; one coroutine per node carries out one step after the other (StepRunner)
/// and writes the row before and after each. Nothing else is remembered: start() reads the rows
/// after kill -9 and every unfinished node goes on.
/// Owned by app; lives on the loop. stop() unwinds everything: commands on remote hosts go on until
/// their limit and are met again by the next start().
class Engine {
 public:
  /// Deployed nodes together: each costs memory, a row and work at every start. Who is bound to
  /// families leaves others at least as much room as those families take up.
  static constexpr std::size_t most_nodes = 20'000;

  Engine(asio::any_io_executor executor, asio::thread_pool& pool, DeploymentRows& rows,
         Catalogue& catalogue, FindHost find_host, NodeManager& manager, ops::EventBus& bus,
         const Clock& clock, DeploySettings settings);
  Engine(const Engine&) = delete;

  /// Reads the rows and goes on. The catalogue has been started.
  Task<> start();
  asio::awaitable<void> stop();

  /// Makes the rows; the work goes on after this has answered. Errors: not_found, bad_request,
  /// conflict (no release, no archive, no domain), unsupported (a provider that is only stored),
  /// quota.
  Task<std::vector<FleetNodePtr>> deploy(DeployOrder order);
  /// What is wanted of a node from now on. Errors: conflict.
  Task<> want(FleetNodePtr node, Goal goal);
  Task<> want_all(std::vector<FleetNodePtr> nodes, Goal goal);  ///< but those being deleted
  Task<> retry(FleetNodePtr node);

  /// Ends a node of a host that is gone for good, without a word to that host; gives what it would
  /// still have. Errors: the database's, then it is one that is being deleted.
  Task<std::string> forget(FleetNodePtr node);

  const Fleet& fleet() const { return fleet_; }
  /// Nothing is being done.
  bool is_idle() const { return tasks_.size() == 0; }
  topology::NodeState state_of(const Deployment& row) const;
  std::optional<NodeManager::Health> health(const std::string& id) const {
    return manager_.health(id);
  }

 private:
  using Change = std::function<Result<>(Deployment&)>;

  void go_on(FleetNodePtr node);
  asio::awaitable<void> run(FleetNodePtr node);
  asio::awaitable<StepResult> attempt(FleetNodePtr node, Step step, bool had_started, Held& held,
                                      HostPlaces::Place& place);
  asio::awaitable<bool> conclude(FleetNodePtr node, Step step, StepResult trouble);
  asio::awaitable<bool> erase(FleetNodePtr node);
  void fail_unwritten(const FleetNodePtr& node, Step step, const Error& error);
  asio::awaitable<void> remove_archive(HostRelease release);

  Task<> change(FleetNodePtr node, Change how);
  void replace(const FleetNodePtr& node, Deployment next);
  void publish_step(const Deployment& row);
  Task<std::vector<Place>> places(const DeployOrder& order);
  Result<> check_room(const DeployOrder& order) const;
  Catalogue::Uses uses() const;

  asio::any_io_executor executor_;
  DeploymentRows& rows_;
  Catalogue& catalogue_;
  NodeManager& manager_;
  ops::EventBus& bus_;
  const Clock& clock_;
  Fleet fleet_;
  HostArchives archives_;
  StepRunner runner_;
  HostPlaces places_;
  TaskGroup tasks_;
  /// By family: let in by the quota, not in the fleet yet.
  std::map<std::string, std::size_t> being_deployed_;
  bool is_stopping_ = false;
};

}  // namespace muster::orchestration
