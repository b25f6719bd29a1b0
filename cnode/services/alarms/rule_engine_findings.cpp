// What the rule engine makes of notifications, of what agents found, and of what is so or not.
#include "services/alarms/rule_engine.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/clean_text.h"
#include "services/alarms/evidence_share.h"
#include "services/alarms/node_text.h"

namespace muster::alarms {

using ops::json::value;

namespace {

constexpr std::size_t most_evidence = 50, enough_evidence = 64 * 1024;  ///< of one check; bytes
constexpr std::size_t most_items = 100;  ///< of one check, each a condition of its own

int severity_number(const std::string& name) {
  constexpr std::string_view names[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};
  auto at = std::find(std::begin(names), std::end(names), name);
  return static_cast<int>(at - std::begin(names));
}

bool is_empty(const etf::Term& found) {
  if (auto* list = found.get_if<etf::List>()) return list->elements.empty();
  if (auto* map = found.get_if<etf::Map>()) return map->pairs.empty();
  return found.is_atom("false") || found.is_atom("undefined");
}

/// What a check found: how much, and the first of it.
struct Found {
  std::size_t count = 0;
  std::vector<etf::Term> first;
};

/// A list's elements; a map's pairs as {Key, Value}.
Found elements(const etf::Term& term) {
  Found found;
  if (is_empty(term)) return found;
  if (auto* map = term.get_if<etf::Map>()) {
    found.count = map->pairs.size();
    for (auto& [key, what] : std::span(map->pairs).first(std::min(found.count, most_items)))
      found.first.push_back(etf::tuple(key, what));
  } else if (auto* list = term.get_if<etf::List>(); list && !list->tail) {
    found.count = list->elements.size();
    auto first = std::span(list->elements).first(std::min(found.count, most_items));
    found.first.assign(first.begin(), first.end());
  } else {
    found = {1, {term}};
  }
  return found;
}

std::optional<double> number(const etf::Term* term) {
  if (!term) return std::nullopt;
  if (auto* integer = term->get_if<std::int64_t>()) return static_cast<double>(*integer);
  if (auto* real = term->get_if<double>()) return *real;
  return std::nullopt;
}

value as_evidence(const Found& found) {
  ops::json::array array;
  std::size_t held = 0;
  for (auto& one : found.first) {
    if (array.size() == most_evidence || held > enough_evidence) break;
    array.push_back(evidence_of(one));
    held += memory_of(array.back());
  }
  return ops::json::object{{"found", std::move(array)}, {"count", found.count}};
}

}  // namespace

bool looks_at(const Rule& rule, const LogLine& line) {
  if (rule.log_kind && *rule.log_kind != line.kind) return false;
  if (rule.log_source && *rule.log_source != line.source) return false;
  return !rule.log_severity || line.severity <= severity_number(*rule.log_severity);
}

std::vector<RuleEngine::RulePtr> RuleEngine::pattern_rules() const {
  std::vector<RulePtr> rules;
  for (auto& rule : of_notifications_)
    if (rule->pattern) rules.push_back(rule);
  return rules;
}

void RuleEngine::notification(const Subject& node, const LogLine& line,
                              std::span<const RulePtr> found, Timestamp at) {
  for (auto& rule : of_notifications_) {
    auto& r = rule->rule;
    if (!looks_at(r, line) || !rule->covers(node)) continue;
    if (rule->pattern && std::find(found.begin(), found.end(), rule) == found.end()) continue;
    auto& where = place(node);
    auto* live = find_live(where, *rule, {});
    if (!live) live = &add_live(where, rule, {});
    live->seen = at;
    ticking_.insert(key_of(node));
    live->hits.push_back(at);
    while (live->hits.size() > r.count) live->hits.pop_front();
    if (live->hits.size() < r.count || at - live->hits.front() > std::chrono::seconds(r.window))
      continue;
    live->value = static_cast<double>(r.count);
    keep(where, *live,
         ops::json::object{{"text", clean_text(line.text, 2048, Lines::kept)},
                           {"source", std::string(line.source)},
                           {"kind", std::string(line.kind)},
                           {"pid", std::string(line.pid)},
                           {"mfa", std::string(line.mfa)},
                           {"application", std::string(line.application)}});
    raise(where, *live, 1);
  }
}

void RuleEngine::check(const Subject& node, const std::string& key, const etf::Term& found,
                       Timestamp at, bool is_cut) {
  auto rules = by_check_.find(key);
  if (rules == by_check_.end()) return;
  auto all = elements(found);
  for (auto& rule : rules->second) {
    if (rule->rule.kind != RuleKind::check || !rule->covers(node)) continue;
    auto& where = place(node);
    if (rule->rule.instance) {
      items(where, rule, all.first, at, is_cut || all.count > all.first.size());
    } else {
      std::optional<value> evidence;
      if (all.count > 0) evidence = as_evidence(all);
      settle(where, rule, {}, all.count > 0 ? 1 : 0, static_cast<double>(all.count),
             std::move(evidence), at);
    }
  }
  drop_if_empty(node);
}

/// Each thing found is a condition of its own; those that are not found any more are over, unless
/// they may be among those that were left out, which are smaller than all that are there.
void RuleEngine::items(Place& place, const RulePtr& rule, const std::vector<etf::Term>& found,
                       Timestamp at, bool is_cut) {
  std::set<std::string> seen;
  double least = std::numeric_limits<double>::infinity();
  for (auto& one : found) {
    auto* map = one.get_if<etf::Map>();
    auto* name = map ? map->find(*rule->rule.instance) : nullptr;
    if (!name) continue;
    auto instance = node_text(*name);
    auto measure = rule->rule.value ? number(map->find(*rule->rule.value)) : std::optional(1.0);
    if (!measure) continue;
    least = std::min(least, *measure);
    auto* live = find_live(place, *rule, instance);
    auto level = rule->rule.value ? rule->level(*measure, live ? live->level : 0) : 1;
    if (level > 0) seen.insert(instance);
    if (live || level > 0) settle(place, rule, instance, level, *measure, evidence_of(one), at);
  }
  for (auto& [condition, live] : place.live) {
    if (live.rule != rule || seen.contains(live.instance)) continue;
    bool is_left_out = is_cut && (!rule->rule.value || rule->level(least, live.level) > 0);
    if (!is_left_out) over(place, live, "the condition is over");
  }
  sweep(place);
}

void RuleEngine::state(const Subject& subject, const std::string& id, const std::string& instance,
                       bool holds, std::optional<value> evidence, Timestamp at) {
  auto rule = rules_.find(id);
  if (rule == rules_.end() || (!holds && !places_.contains(key_of(subject)))) return;
  auto& where = place(subject);
  settle(where, rule->second, instance, holds ? 1 : 0, 0, std::move(evidence), at);
  drop_if_empty(subject);
}

void RuleEngine::end(const Subject& subject, const std::string& id,
                     const std::function<bool(const std::string& instance)>& is_over) {
  auto where = places_.find(key_of(subject));
  if (where == places_.end()) return;
  for (auto& [condition, live] : where->second.live)
    if (condition.first == id && is_over(live.instance))
      over(where->second, live, "the condition is over");
  sweep(where->second);
  drop_if_empty(subject);
}

}  // namespace muster::alarms
