#include "base/random.h"
#include "base/timeout.h"
#include "services/orchestration/step_runner.h"

// The bootstrap step of StepRunner.
namespace muster::orchestration {

asio::awaitable<StepResult> StepRunner::bootstrap(const Site& site, Held& held) {
  auto joined = co_await bootstrap_with(site, site.family.bootstrap, site.family.id, &held);
  if (joined) co_return joined;
  for (auto& neighbor : site.family.neighbors) {
    auto met = co_await bootstrap_with(site, neighbor.bootstrap, neighbor.family_id, nullptr);
    if (met) co_return met;
  }
  co_return StepResult();
}

/// `held`: for its own family, where the first node must be known as such before the next one
/// looks for company, and scripts join one after the other; the engine lets go of it once the row
/// says so. Of other families no lock is taken: two that are each other's neighbours would wait.
asio::awaitable<StepResult> StepRunner::bootstrap_with(const Site& site, const Bootstrap& how,
                                                       const std::string& family_id, Held* held) {
  if (how.strategy == Strategy::none || how.selection.kind == Selection::Kind::none)
    co_return StepResult();
  // A script that joins a cluster did so once; connections have to be made after every start.
  if (how.strategy == Strategy::custom && site.node.has_joined) co_return StepResult();
  if (held != nullptr) {
    held->joining.reset();  // of an attempt before: it would wait for itself
    auto turn = joins_.get(family_id, 1);
    held->joining.emplace(co_await SharedSlot::take(std::move(turn)));
  }
  auto plan = plan_bootstrap(how, members(family_id, site.node.id), find_member(how.selection.node),
                             random_u32());
  if (!plan) {
    // It belongs to its cluster already: the others will find it.
    if (site.node.has_joined && plan.error().errc() == Errc::unavailable) co_return StepResult();
    auto trouble = trouble_of(plan.error(), "bootstrap");
    trouble.is_transient = false;
    trouble.failure.remedy =
        "bring another node of the family UP, or stop all that are DOWN, "
        "then retry";
    co_return trouble;
  }
  if (plan->is_empty()) co_return StepResult();
  if (held != nullptr && how.strategy != Strategy::custom) held->joining.reset();
  co_return co_await carry_out(site, how, family_id, std::move(*plan));
}

asio::awaitable<StepResult> StepRunner::carry_out(const Site& site, const Bootstrap& how,
                                                  const std::string& family_id,
                                                  BootstrapPlan plan) {
  if (plan.strategy == Strategy::custom) {
    auto script = scripts::join(family_id, custom_command(how, plan.targets));
    auto task = command(site, std::move(script), settings_.bootstrap_limit);
    auto result = co_await site.host->run(std::move(task));
    if (!result) co_return trouble_of(result.error(), "bootstrap command");
    if (result->succeeded()) co_return StepResult();
    co_return trouble_of(*result, "bootstrap command",
                         "see the output, mend the script or the cluster, then retry");
  }
  std::optional<Trouble> last;
  auto self = peer(site);
  for (auto& target : plan.targets) {
    auto connected = co_await manager_.connect(self, target);
    if (connected && !plan.needs_all) co_return StepResult();
    if (connected) continue;
    last = trouble_of(connected.error(), "connect with " + target.name);
    last->is_transient = false;
    last->failure.remedy =
        "see that the hosts of the two nodes can reach each other, epmd included, then retry";
    if (plan.needs_all) co_return last;
  }
  co_return last;
}

std::vector<Member> StepRunner::members(const std::string& family_id,
                                        const std::string& but_not) const {
  std::vector<Member> members;
  for (auto& other : fleet_.of_family(family_id)) {
    auto& row = other->row;
    if (row.id == but_not || row.goal != Goal::running || row.reached < Reached::bootstrapped)
      continue;
    // Until the node manager has looked, what answered a moment ago counts.
    auto health = manager_.health(row.id);
    bool is_up = !health || health->is_up || health->reason == "starting";
    members.push_back({row.id, row.name, row.cookie, is_up});
  }
  for (auto& added : manager_.added(family_id))
    if (added.id != but_not) members.push_back(std::move(added));
  return members;
}

std::optional<Member> StepRunner::find_member(const std::string& id_or_name) const {
  if (id_or_name.empty()) return std::nullopt;
  if (auto found = manager_.find(id_or_name)) return found;
  if (auto node = fleet_.find(id_or_name))
    return Member{node->row.id, node->row.name, node->row.cookie, true};
  return std::nullopt;
}

}  // namespace muster::orchestration
