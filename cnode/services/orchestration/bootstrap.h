#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "services/orchestration/node_manager.h"
#include "services/orchestration/rows.h"

namespace muster::orchestration {

/// With whom a new node is bootstrapped.
struct BootstrapPlan {
  Strategy strategy = Strategy::none;
  /// One of these, tried in order; with `needs_all` every one.
  std::vector<Member> targets;
  bool needs_all = false;

  bool is_empty() const { return strategy == Strategy::none || targets.empty(); }
};

/// `members` are the other nodes that may be chosen, oldest first; `chosen` is the one of a
/// selection by node. Nodes that are UP come first; nobody there at all is an empty plan (the first
/// node of a family). `random` is anything in [0, 2^32). Errors: unavailable when there are members
/// and none is UP: a node of its own would be a second cluster; not_found for a selection by node.
Result<BootstrapPlan> plan_bootstrap(const Bootstrap& bootstrap, std::vector<Member> members,
                                     const std::optional<Member>& chosen, std::uint32_t random);

/// The shell text of strategy `custom`: the command, its arguments, then the nodes' names.
std::string custom_command(const Bootstrap& bootstrap, const std::vector<Member>& targets);

}  // namespace muster::orchestration
