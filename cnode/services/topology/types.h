#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "mesh/node_spec.h"
#include "ops/caller.h"
#include "ops/convert.h"

/// What the operations of `topology` take and give.
namespace muster::topology {

enum class Agents { all, none };
BOOST_DESCRIBE_ENUM(Agents, all, none)

enum class NodeState { uninit, stopped, down, up, error };
BOOST_DESCRIBE_ENUM(NodeState, uninit, stopped, down, up, error)

enum class Origin { added, deployed };
BOOST_DESCRIBE_ENUM(Origin, added, deployed)

struct AddNode {
  ops::NodeName name;
  std::optional<Secret> cookie;
  std::optional<ops::Role> role;
  std::optional<std::uint16_t> dist_port;
  bool tls = false;
  std::optional<Agents> agents;
  bool discover = false;

  static constexpr ops::Alias aliases[] = {
      {"node", "name"}, {"port", "dist_port"}, {"discover_connected_nodes", "discover"}};
  static constexpr ops::Doc docs[] = {
      {"cookie",
       "the node's own; when absent it is met with the home cookie, or with the daemon's own, "
       "which "
       "an admin may ask for"},
      {"role", "what the node may do here, with its own cookie: none, unless an admin says more"},
      {"dist_port", "its distribution port, when it runs without epmd"},
      {"tls", "it speaks TLS distribution (-proto_dist inet_tls)"},
      {"agents", "none: nothing of ours is loaded into it"},
      {"discover", "also add the nodes it is connected to, and theirs"}};
};
BOOST_DESCRIBE_STRUCT(AddNode, (), (name, cookie, role, dist_port, tls, agents, discover))

struct UpdateNode {
  std::string id;
  std::optional<Secret> cookie;
  std::optional<ops::Role> role;
  std::optional<std::uint16_t> dist_port;
  std::optional<bool> tls;
  std::optional<Agents> agents;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"}, {"name", "id"}, {"port", "dist_port"}};
};
BOOST_DESCRIBE_STRUCT(UpdateNode, (), (id, cookie, role, dist_port, tls, agents))

/// A node or family by UUID or unique name.
struct ById {
  std::string id;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"}, {"name", "id"}};
};
BOOST_DESCRIBE_STRUCT(ById, (), (id))

struct ListNodes : ops::PageRequest {
  std::optional<std::string> family;
  std::optional<NodeState> state;

  static constexpr ops::Alias aliases[] = {{"family_id", "family"}, {"node_family", "family"}};
};
BOOST_DESCRIBE_STRUCT(ListNodes, (ops::PageRequest), (family, state))

struct DiscoverNodes {
  std::string id;
  bool add = false;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"}, {"name", "id"}, {"node", "id"}};
  static constexpr ops::Doc docs[] = {
      {"add", "add what is found, and what is found from there; without it, only show"}};
};
BOOST_DESCRIBE_STRUCT(DiscoverNodes, (), (id, add))

/// What the agent `metrics` last said of the node.
struct Vitals {
  Timestamp at;                             ///< by the daemon's clock
  std::uint64_t uptime_ms = 0, memory = 0;  ///< bytes in all
  std::uint32_t process_count = 0, process_limit = 0, run_queue = 0, schedulers_online = 0;
};
BOOST_DESCRIBE_STRUCT(Vitals, (),
                      (at, uptime_ms, memory, process_count, process_limit, run_queue,
                       schedulers_online))

struct NodeView {
  std::string id, uuid;
  ops::NodeName name;
  NodeState state;
  std::optional<mesh::DownReason> reason;
  std::optional<std::string> detail;  ///< the reason in words: what refused, which certificate
  Origin origin;
  std::optional<std::string> family_id, family;
  ops::Role role;  ///< what it may do here; admin also where it has the daemon's own cookie
  Agents agents;
  bool tls;
  std::optional<std::uint16_t> dist_port;
  Timestamp added_at;
  std::optional<std::string> otp_release, erts_version, architecture, script_id;
  std::optional<Timestamp> started_at;
  std::optional<std::uint32_t> creation;
  std::uint64_t forbidden = 0;  ///< what it asked for and may not, since the daemon's start
  std::optional<Vitals> vitals;
  std::optional<std::map<std::string, std::string>> agents_lacking;  ///< agent and why
};
BOOST_DESCRIBE_STRUCT(NodeView, (),
                      (id, uuid, name, state, reason, detail, origin, family_id, family, role,
                       agents, tls, dist_port, added_at, otp_release, erts_version, architecture,
                       script_id, started_at, creation, forbidden, vitals, agents_lacking))

/// What add_node answers.
struct AddedNode : NodeView {
  std::optional<std::string> discovery_error;

  static constexpr ops::Doc docs[] = {
      {"discovery_error", "the node is managed, but with discover its neighbours were not found"}};
};
BOOST_DESCRIBE_STRUCT(AddedNode, (NodeView), (discovery_error))

enum class Finding { known, found, added };
BOOST_DESCRIBE_ENUM(Finding, known, found, added)

struct DiscoveredNode {
  ops::NodeName name;
  Finding finding;
  std::optional<std::string> id;
  ops::NodeName seen_from;
};
BOOST_DESCRIBE_STRUCT(DiscoveredNode, (), (name, finding, id, seen_from))

struct DiscoveryView {
  std::vector<DiscoveredNode> nodes;
  std::vector<ops::NodeName> unreachable;
  std::uint64_t left_out = 0;

  static constexpr ops::Doc docs[] = {{"left_out",
                                       "neighbours that were named and not looked at: no names of "
                                       "nodes, or more than 200 new ones"}};
};
BOOST_DESCRIBE_STRUCT(DiscoveryView, (), (nodes, unreachable, left_out))

/// Event topology.node_state.
struct NodeStateEvent {
  std::string id;
  ops::NodeName name;
  NodeState state;
  std::optional<mesh::DownReason> reason;
  std::optional<std::string> detail;
};
BOOST_DESCRIBE_STRUCT(NodeStateEvent, (), (id, name, state, reason, detail))

/// Event topology.node_restarted: another creation than when it was last UP.
struct NodeRestartedEvent {
  std::string id;
  ops::NodeName name;
  std::uint32_t creation;
  Timestamp started_at;
};
BOOST_DESCRIBE_STRUCT(NodeRestartedEvent, (), (id, name, creation, started_at))

/// Event topology.node_vitals.
struct NodeVitalsEvent {
  std::string id;
  ops::NodeName name;
  Vitals vitals;
};
BOOST_DESCRIBE_STRUCT(NodeVitalsEvent, (), (id, name, vitals))

/// Events topology.node_added and topology.node_removed.
struct NodeListEvent {
  std::string id;
  ops::NodeName name;
};
BOOST_DESCRIBE_STRUCT(NodeListEvent, (), (id, name))

}  // namespace muster::topology

namespace muster::ops {
template <>
inline constexpr bool upper_case<topology::NodeState> = true;
}  // namespace muster::ops
