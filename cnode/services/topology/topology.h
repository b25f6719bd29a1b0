#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"
#include "base/slots.h"
#include "mesh/manager.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/topology/node_rows.h"
#include "services/topology/types.h"

namespace muster::topology {

/// The service `topology`: which nodes are managed, and how they are. It owns the rows of `nodes`,
/// has the NodeManager keep their links, and says every change as an event. All rows are in memory
/// as well, so that lists and states never ask the database. Made by app; lives on the loop. After
/// kill -9, start() reads the rows and all are dialled again.
class Topology final : public mesh::Watcher {
 public:
  Topology(store::Database& database, const store::Cipher& cipher, mesh::NodeManager& manager,
           dist::Node& node, ops::EventBus& events, const Clock& clock);

  std::vector<ops::Operation> operations();
  static std::vector<ops::Topic> topics();

  /// Reads the rows and begins to keep the nodes.
  Task<> start();

  /// Watches a node from now on: a row for it is made, or the one it has takes this one's family,
  /// origin and cookie, and is wanted.
  Task<> adopt(NodeRow row);
  /// It was stopped on purpose: is not dialled, and shown as STOPPED until it is adopted again.
  Task<> mark_stopped(std::string id);
  /// Its row goes, and so does its link.
  Task<> drop(std::string id);

  /// By id or name. Error: not_found.
  Result<NodeRow> find(const std::string& id_or_name) const;
  /// The same for a look that copies nothing: null where there is none. Good until the caller
  /// waits.
  const NodeRow* peek(const std::string& id_or_name) const;
  /// How each managed node is now, as an event, in turns: for who missed events. `look` is called
  /// until this ends.
  asio::awaitable<void> each_present(std::function<void(const NodeStateEvent&)> look);
  /// Looks at all nodes of a family, by its id, sorted by name, and copies nothing.
  void peek_family(const std::string& family_id,
                   const std::function<void(const NodeRow&)>& look) const;
  /// All nodes of a family (by id or name), sorted by name. Error: not_found.
  Result<std::vector<NodeRow>> of_family(const std::string& family) const;
  /// The ids of the families with nodes that have this id or name.
  std::vector<std::string> families_named(const std::string& id_or_name) const;
  /// Whether a node of this name has a row.
  bool has(const std::string& name) const { return by_name_.contains(name); }
  NodeView view(const NodeRow& row) const;

  Task<> node_up(const mesh::NodeSpec& spec, const mesh::NodeFacts& facts,
                 bool was_restarted) override;
  void node_down(const mesh::NodeSpec& spec, mesh::DownReason reason,
                 const std::string& detail) override;
  /// What the agent `metrics` of a node sent: the few values that are shown beside its state.
  void node_vitals(const std::string& node, const etf::Term& sample);
  /// The agents that a node which is UP cannot have, and why.
  void node_lacks(const std::string& node, const std::map<std::string, std::string>& agents);
  /// It asked for what its role does not allow.
  void node_refused(const std::string& node);
  /// Told how many nodes could be admin here, at the start and whenever that changes.
  void on_admins(std::function<void(std::size_t count)> told) { admins_told_ = std::move(told); }

 private:
  /// A row for the one who changes it now.
  struct Turn {
    Slots::Held held;
    NodeRow row;
  };

  Task<AddedNode> add_node(AddNode request, ops::Caller caller);
  Task<NodeView> update_node(UpdateNode request, ops::Caller caller);
  Task<NodeView> remove_node(ById request, ops::Caller caller);
  Task<NodeView> get_node(ById request, ops::Caller caller);
  Task<ops::Page<NodeView>> list_nodes(ListNodes request, ops::Caller caller);
  Task<DiscoveryView> discover_nodes(DiscoverNodes request, ops::Caller caller);

  /// Changes of one node come one after the other, each of what the one before has left: nobody
  /// writes back what another changed while he waited for the disk. Error: not_found.
  Task<Turn> take_turn(std::string id_or_name);
  Task<NodeRow> change(std::string id_or_name, std::function<Result<>(NodeRow&)> edit);
  ops::Role role_of(const NodeRow& row) const;
  Result<> settle_role(NodeRow& row) const;
  Result<> check_reach(const NodeRow& row, const ops::Caller& caller) const;
  void remember(NodeRow row);
  void keep(const NodeRow& row);
  void publish_state(const NodeRow& row);

  NodeRows rows_;
  mesh::NodeManager& manager_;
  dist::Node& node_;
  ops::EventBus& events_;
  const Clock& clock_;
  std::unordered_map<std::string, std::shared_ptr<const NodeRow>> by_id_;
  std::size_t added_ = 0;  ///< of them, as against deployed here
  std::map<std::string, std::shared_ptr<const NodeRow>, std::less<>> by_name_;
  std::unordered_map<std::string, Slots> turns_;    ///< by id, of nodes that were changed
  std::unordered_map<std::string, Vitals> vitals_;  ///< by id, of nodes that are UP
  std::unordered_map<std::string, std::map<std::string, std::string>> lacking_;  ///< by id, as well
  std::unordered_map<std::string, std::uint64_t> forbidden_;  ///< by id, calls refused
  std::unordered_set<std::string> admins_;                    ///< ids of the nodes that could be
  std::function<void(std::size_t)> admins_told_ = [](auto) {};
  Slots exploring_{4};  ///< each dials 32 nodes at once
  bool is_started_ = false;
};

/// What keeps the link of this node.
mesh::NodeSpec spec_of(const NodeRow& row);

}  // namespace muster::topology
