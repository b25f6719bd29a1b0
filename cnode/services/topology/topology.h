#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "mesh/manager.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/topology/discovery.h"
#include "services/topology/node_rows.h"
#include "services/topology/types.h"

namespace muster::topology {

/// The service `topology`: which nodes are managed, and how they are. It owns the rows of `nodes`, has the NodeManager
/// keep their links, and says every change as an event. All rows are in memory as well: lists and states never ask
/// the database. Made by app; lives on the loop. After kill -9 start() reads the rows and everything is dialled again.
class Topology final : public mesh::Watcher {
 public:
  Topology(asio::any_io_executor executor, store::Database& database, const store::Cipher& cipher,
           mesh::NodeManager& manager, dist::Node& node, ops::EventBus& events, const Clock& clock);

  std::vector<ops::Operation> operations();
  static std::vector<ops::Topic> topics();

  /// Reads the rows and begins to keep the nodes.
  Task<> start();

  /// A node that was deployed here: its row is made or changed, and it is kept from now on.
  Task<> adopt(NodeRow row);
  /// It was stopped on purpose: not dialled, STOPPED, until expect_start().
  Task<> set_wanted(std::string id, bool is_wanted);
  /// Its row goes, and so does its link.
  Task<> drop(std::string id);

  /// By id or name. Null when there is none.
  const NodeRow* find(const std::string& id_or_name) const;
  /// All nodes of a family (by id or name), sorted by name. Error: not_found.
  Result<std::vector<const NodeRow*>> of_family(const std::string& family) const;
  NodeState state_of(const NodeRow& row) const;
  mesh::NodeManager& manager() { return manager_; }

  Task<> node_up(const mesh::NodeSpec& spec, const mesh::NodeFacts& facts, bool was_restarted) override;
  void node_down(const mesh::NodeSpec& spec, mesh::DownReason reason) override;

 private:
  Task<NodeView> add_node(AddNode request, ops::Caller caller);
  Task<NodeView> update_node(UpdateNode request, ops::Caller caller);
  Task<NodeView> remove_node(ById request, ops::Caller caller);
  Task<NodeView> get_node(ById request, ops::Caller caller);
  Task<ops::Page<NodeView>> list_nodes(ListNodes request, ops::Caller caller);
  Task<DiscoveryView> discover_nodes(DiscoverNodes request, ops::Caller caller);

  Task<const NodeRow*> insert(NodeRow row);
  Task<DiscoveryView> discover(NodeRow seed, bool add);
  asio::awaitable<void> ask(NodeRow candidate, Slots& slots, std::optional<Neighbours>& answer);
  Task<const NodeRow*> find_or_error(std::string id) const;
  NodeView view(const NodeRow& row) const;
  void remember(NodeRow row);
  void publish_state(const NodeRow& row);
  mesh::NodeSpec spec_of(const NodeRow& row) const;

  asio::any_io_executor executor_;
  NodeRows rows_;
  mesh::NodeManager& manager_;
  dist::Node& node_;
  ops::EventBus& events_;
  const Clock& clock_;
  std::unordered_map<std::string, std::shared_ptr<NodeRow>> by_id_;
  std::map<std::string, std::shared_ptr<NodeRow>, std::less<>> by_name_;
};

}  // namespace muster::topology
