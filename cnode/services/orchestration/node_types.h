#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/orchestration/deployment.h"
#include "services/orchestration/types.h"
#include "services/topology/types.h"

/// What the operations on deployed nodes take and give.
namespace muster::orchestration {

struct DeployNodes {
  std::string family;
  std::optional<std::uint32_t> amount;
  std::optional<bool> autostart;
  std::optional<std::string> provider;

  static constexpr std::uint32_t max_amount = 10'000;
  static constexpr ops::Alias aliases[] = {{"family_id", "family"},
                                           {"node_family", "family"},
                                           {"count", "amount"},
                                           {"auto_start", "autostart"},
                                           {"provider_id", "provider"}};
  static constexpr ops::Doc docs[] = {
      {"amount", "how many nodes: 1 when absent, at most 10,000"},
      {"autostart", "false: the nodes are put on their hosts and stay STOPPED"},
      {"provider", "one of those that the family has; absent: the least loaded host of all"}};
};
BOOST_DESCRIBE_STRUCT(DeployNodes, (), (family, amount, autostart, provider))

struct ListDeployedNodes : ops::PageRequest {
  std::optional<std::string> family;
  std::optional<topology::NodeState> state;

  static constexpr ops::Alias aliases[] = {{"family_id", "family"}, {"node_family", "family"}};
};
BOOST_DESCRIBE_STRUCT(ListDeployedNodes, (ops::PageRequest), (family, state))

struct DeleteNode : ById {
  std::optional<bool> forget;

  static constexpr ops::Doc docs[] = {{"forget",
                                       "true: for a host that is gone for good. Nothing is done "
                                       "there; what would stay there is said"}};
};
BOOST_DESCRIBE_STRUCT(DeleteNode, (ById), (forget))

/// All nodes of a family.
struct OfFamily {
  std::string family;

  static constexpr ops::Alias aliases[] = {
      {"family_id", "family"}, {"node_family", "family"}, {"id", "family"}};
};
BOOST_DESCRIBE_STRUCT(OfFamily, (), (family))

/// Why a node is in state ERROR.
struct DeployError {
  std::optional<Step> step;
  std::string message, output, remedy;
};
BOOST_DESCRIBE_STRUCT(DeployError, (), (step, message, output, remedy))

struct DeployedNode {
  std::string id, uuid;
  ops::NodeName name;
  topology::NodeState state;
  std::optional<std::string> reason;  ///< of DOWN
  Goal goal;                          ///< what is wanted of it
  std::optional<Step> step;           ///< what is being done just now
  std::optional<DeployError> error;
  std::string family, family_id, release, release_id, provider, provider_id, domain_id, host;
  Timestamp created_at, changed_at;
  std::optional<std::string>
      left_behind;  ///< of delete_node with `forget`: what the host still has
};
BOOST_DESCRIBE_STRUCT(DeployedNode, (),
                      (id, uuid, name, state, reason, goal, step, error, family, family_id, release,
                       release_id, provider, provider_id, domain_id, host, created_at, changed_at,
                       left_behind))

struct DeployedNodes {
  std::vector<DeployedNode> items;
};
BOOST_DESCRIBE_STRUCT(DeployedNodes, (), (items))

}  // namespace muster::orchestration
