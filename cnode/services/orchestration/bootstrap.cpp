#include "services/orchestration/bootstrap.h"

#include <algorithm>

#include "drivers/shell.h"

namespace muster::orchestration {

Result<BootstrapPlan> plan_bootstrap(const Bootstrap& bootstrap, std::vector<Member> members,
                                     const std::optional<Member>& chosen, std::uint32_t random) {
  using Kind = Selection::Kind;
  BootstrapPlan plan;
  auto kind = bootstrap.selection.kind;
  if (kind == Kind::none || bootstrap.strategy == Strategy::none) return plan;
  plan.strategy = bootstrap.strategy;
  if (kind == Kind::node) {
    if (!chosen)
      return Error(Errc::not_found, "no node '" + bootstrap.selection.node + "' to bootstrap with");
    plan.targets = {*chosen};
    return plan;
  }
  if (members.empty()) return plan;
  std::erase_if(members, [](const Member& member) { return !member.is_up; });
  if (members.empty())
    return Error(Errc::unavailable, "no other node of the family is UP to bootstrap with");
  if (kind == Kind::random)
    std::rotate(members.begin(), members.begin() + random % members.size(), members.end());
  plan.needs_all = kind == Kind::all;
  plan.targets = std::move(members);
  // A script that joins a cluster is not run a second time where it failed; and if three nodes
  // cannot be connected to, something is wrong that a fourth does not mend.
  std::size_t tries = plan.strategy == Strategy::custom ? 1 : 3;
  if (!plan.needs_all && plan.targets.size() > tries) plan.targets.resize(tries);
  return plan;
}

std::string custom_command(const Bootstrap& bootstrap, const std::vector<Member>& targets) {
  std::string text = bootstrap.cmd;
  for (auto& argument : bootstrap.args) text += " " + drivers::quote(argument);
  for (auto& target : targets) text += " " + drivers::quote(target.name);
  return text;
}

}  // namespace muster::orchestration
