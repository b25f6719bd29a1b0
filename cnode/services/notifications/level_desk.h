#pragma once

#include <functional>
#include <set>

#include "ops/operation.h"
#include "services/notifications/levels.h"
#include "services/topology/topology.h"

namespace muster::notifications {

/// Where the settings of the agent `notifications` of a node go: the loader of agents, which keeps
/// the newest and tells every agent it starts.
using ConfigureAgent = std::function<void(const std::string& node, etf::Map settings)>;

/// From which severity on nodes say something: kept in the database, changed by people at run time,
/// told to the agents of the nodes that are UP at once and to any other when its node comes up.
/// Owned by Notifications; lives on the loop.
class LevelDesk {
 public:
  /// `rate`: entries that a node may say in a second.
  LevelDesk(store::Database& database, topology::Topology& topology, double rate,
            ConfigureAgent configure)
      : rows_(database), topology_(topology), rate_(rate), configure_(std::move(configure)) {}

  std::vector<ops::Operation> operations();
  Task<> start();

  void node_up(const std::string& name);
  void node_gone(const std::string& name) { up_.erase(name); }

 private:
  Task<LevelsView> set_level(SetLevel request, ops::Caller caller);
  Result<LevelsView> levels(ListLevels request, const ops::Caller& caller);
  Result<Levels::Scope> scope_of(const SetLevel& request) const;
  LevelsView view() const;
  void configure(const std::string& node);
  asio::awaitable<void> configure_all();

  LevelRows rows_;
  topology::Topology& topology_;
  double rate_;
  ConfigureAgent configure_;
  Levels levels_;
  std::set<std::string> up_;
};

}  // namespace muster::notifications
