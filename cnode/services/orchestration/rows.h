#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/role.h"
#include "base/secret.h"

/// What users define for deployments, as it stands in the database and in memory, secrets opened.
namespace muster::orchestration {

namespace json = boost::json;

/// Somebody who has machines.
struct Provider {
  std::string id, name, description;
  std::string type;      ///< a row of the table of drivers: "physical", "local", "hp"
  json::object options;  ///< what that type takes, passwords included
  Timestamp created_at;
};

/// How a start command behaves: it returns when the node runs on; we detach it; systemd runs it.
enum class StartMode { daemon, foreground, systemd };
BOOST_DESCRIBE_ENUM(StartMode, daemon, foreground, systemd)

/// An Erlang release. Its archive may come later than its row.
struct Release {
  std::string id, name, description;
  std::string start_cmd, stop_cmd;     ///< shell text, run in the node's folder; may be empty
  std::optional<Secret> cookie;        ///< absent: random per family
  Role role = Role::none;              ///< what its nodes may do here
  std::vector<std::string> templates;  ///< files in which {{ … }} is filled, below the root
  StartMode start_mode = StartMode::daemon;
  std::string sha256;                  ///< of the archive; empty until it was uploaded
  std::uint64_t size = 0;              ///< of the archive, bytes
  std::uint32_t strip_components = 0;  ///< for tar: one folder at the archive's root goes
  Timestamp created_at;
};

/// Which nodes a new node is bootstrapped with.
struct Selection {
  enum class Kind { none, random, first, node, all };
  Kind kind = Kind::none;
  std::string node;  ///< of kind node: its id or name
};

enum class Strategy { none, distributed_erlang, custom };
BOOST_DESCRIBE_ENUM(Strategy, none, distributed_erlang, custom)

/// How a new node gets to know others.
struct Bootstrap {
  Selection selection;
  Strategy strategy = Strategy::none;
  std::string cmd;                ///< of custom: shell text, run in the new node's folder
  std::vector<std::string> args;  ///< then the names of the selected nodes follow
};

/// Another family that new nodes also connect to.
struct Neighbor {
  std::string family_id;
  Bootstrap bootstrap;
};

enum class Protocol { tcp, udp };
BOOST_DESCRIBE_ENUM(Protocol, tcp, udp)

struct FirewallRule {
  Protocol protocol = Protocol::tcp;
  std::uint16_t port_from = 0, port_to = 0;
};
BOOST_DESCRIBE_STRUCT(FirewallRule, (), (protocol, port_from, port_to))

struct PortRange {
  std::uint16_t min = 0, max = 0;
};
BOOST_DESCRIBE_STRUCT(PortRange, (), (min, max))

/// The part of a family that uses one provider with one kind of machine.
struct Domain {
  std::string id, family_id, provider_id;
  std::string ssh_user, hw_profile, vdisk, type;
};

/// A node family that nodes are deployed into.
struct Family {
  std::string id, name, description;
  std::string release_id;    ///< empty until set
  Secret cookie;             ///< for nodes of a release without one
  std::optional<Role> role;  ///< what its nodes may do here; absent: what their release says
  Bootstrap bootstrap;
  std::vector<Neighbor> neighbors;
  std::vector<FirewallRule> firewall;
  std::optional<PortRange> dist_ports;
  std::map<std::string, Secret> env;        ///< for every command on a node's host
  std::map<std::string, Secret> variables;  ///< for the templates
  std::vector<Domain> domains;              ///< in the order in which they were added
  Timestamp created_at;
};

}  // namespace muster::orchestration
