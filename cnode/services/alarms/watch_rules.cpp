// The rules of people: made, shown and removed while the daemon runs.
#include <fmt/format.h>

#include "ops/rows.h"
#include "services/alarms/watch.h"

namespace muster::alarms {

using ops::Caller;

namespace {

constexpr std::size_t most_user_rules = 200;

}  // namespace

std::vector<ops::Operation> Watch::operations() {
  using ops::Role;
  ops::Rows rows("alarms", *this);
  rows.add("add_rule", {"POST", "/api/alarms/rules", {}, 201}, Role::operator_,
           "Raise an alarm when a metric crosses a threshold or a notification matches",
           &Watch::add_rule);
  rows.add("list_rules", {"GET", "/api/alarms/rules"}, Role::viewer,
           "The rules that raise alarms, built in and made by users", &Watch::list_rules);
  rows.add("remove_rule", {"DELETE", "/api/alarms/rules/:id"}, Role::operator_,
           "Remove a rule that was added; what it has raised is over", &Watch::remove_rule);
  return rows.take();
}

/// Also where configuration has turned it off.
bool Watch::is_builtin(const std::string& id) const {
  return std::any_of(builtin_.begin(), builtin_.end(),
                     [&](const Rule& rule) { return rule.id == id; });
}

Task<Rule> Watch::add_rule(AddRule request, Caller) {
  bool has_levels = !request.levels.empty();
  CO_TRY(auto rule, rule_of(std::move(request)));
  auto* known = engine_.find(rule.id);
  if (is_builtin(rule.id)) co_return Error(Errc::conflict, rule.id + " is built in", "/id");
  if (!known && user_rules_.size() >= most_user_rules)
    co_return Error(Errc::quota, fmt::format("{} rules are enough", most_user_rules));
  auto ready = make_ready(std::move(rule), &SampleReader::is_metric);
  if (!ready) co_return as_requested(std::move(ready).error(), has_levels);
  rule = ready->rule;
  CO_TRYV(co_await rows_.save(rule));
  user_rules_[rule.id] = rule;
  engine_.add(std::move(*ready), moment());
  reader_.want(engine_);
  co_return rule;
}

Task<ops::Page<Rule>> Watch::list_rules(ListRules request, Caller) {
  std::map<std::string_view, const Rule*> rules;
  if (request.source.value_or(Source::builtin) == Source::builtin)
    for (auto& rule : builtin_) rules[rule.id] = &rule;
  if (request.source.value_or(Source::user) == Source::user)
    for (auto& [id, rule] : user_rules_) rules[id] = &rule;
  ops::Page<Rule> page;
  auto at = request.after ? rules.upper_bound(*request.after) : rules.begin();
  for (; at != rules.end() && page.items.size() < request.count(); ++at)
    page.items.push_back(*at->second);
  if (at != rules.end()) page.next = page.items.back().id;
  co_return page;
}

Task<Rule> Watch::remove_rule(RuleById request, Caller) {
  auto known = user_rules_.find(request.id);
  if (known == user_rules_.end()) {
    if (is_builtin(request.id)) co_return Error(Errc::conflict, request.id + " is built in", "/id");
    co_return Error(Errc::not_found, "no rule '" + request.id + "'", "/id");
  }
  auto rule = known->second;
  CO_TRYV(co_await rows_.remove(request.id));
  user_rules_.erase(request.id);
  engine_.remove(request.id, moment());
  reader_.want(engine_);
  co_return rule;
}

}  // namespace muster::alarms
