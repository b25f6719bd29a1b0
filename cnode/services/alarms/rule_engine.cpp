#include "services/alarms/rule_engine.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cmath>

#include "services/alarms/node_text.h"
#include "services/notifications/entry_reader.h"

namespace muster::alarms {

using ops::json::value;

namespace {

constexpr auto unreported_after = std::chrono::minutes(15);
constexpr std::size_t most_points = 64, most_evidence = 50, most_live = 1000;

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

/// A list's elements; a map's pairs as {Key, Value}.
std::vector<etf::Term> elements(const etf::Term& found) {
  std::vector<etf::Term> all;
  if (auto* map = found.get_if<etf::Map>()) {
    for (auto& [key, what] : map->pairs) all.push_back(etf::tuple(key, what));
  } else if (!found.proper_list(all)) {
    all.push_back(found);
  }
  return all;
}

std::optional<double> number(const etf::Term* term) {
  if (!term) return std::nullopt;
  if (auto* integer = term->get_if<std::int64_t>()) return static_cast<double>(*integer);
  if (auto* real = term->get_if<double>()) return *real;
  return std::nullopt;
}

value as_evidence(const std::vector<etf::Term>& found) {
  ops::json::array array;
  for (auto& one : found) {
    if (array.size() == most_evidence) break;
    array.push_back(evidence_of(one));
  }
  return ops::json::object{{"found", std::move(array)}, {"count", found.size()}};
}

bool waits(const Rule& rule) {
  return rule.kind != RuleKind::metric;
}

}  // namespace

void RuleEngine::add(ReadyRule ready, Timestamp at) {
  auto id = ready.rule.id;
  remove(id, at);
  auto rule = std::make_shared<const ReadyRule>(std::move(ready));
  rules_[id] = rule;
  if (rule->rule.metric) {
    auto number = metric(*rule->rule.metric);
    by_metric_[number].push_back(rule);
    if (rule->rule.percent_of) metric(*rule->rule.percent_of);
  } else if (rule->rule.kind == RuleKind::notification) {
    of_notifications_.push_back(rule);
  } else if (rule->rule.check) {
    by_check_[*rule->rule.check].push_back(rule);
  }
}

bool RuleEngine::remove(const std::string& id, Timestamp) {
  auto known = rules_.find(id);
  if (known == rules_.end()) return false;
  auto rule = known->second;
  rules_.erase(known);
  for (auto& list : by_metric_) std::erase(list, rule);
  for (auto& [check, list] : by_check_) std::erase(list, rule);
  std::erase(of_notifications_, rule);
  for (auto& [key, place] : places_) {
    for (auto& live : place.live)
      if (live.rule == rule) over(place, live, "the rule was removed");
    std::erase_if(place.trails, [&](const Trail& trail) { return trail.rule == rule; });
    sweep(place);
  }
  return true;
}

const Rule* RuleEngine::find(const std::string& id) const {
  auto at = rules_.find(id);
  return at == rules_.end() ? nullptr : &at->second->rule;
}

const Rule* RuleEngine::find_passed_on(const std::string& id) const {
  auto at = by_check_.find(id);
  if (at == by_check_.end()) return nullptr;
  for (auto& rule : at->second)
    if (rule->rule.kind == RuleKind::passed_on) return &rule->rule;
  return nullptr;
}

std::uint32_t RuleEngine::metric(const std::string& name) {
  auto [at, is_new] = metrics_.try_emplace(name, static_cast<std::uint32_t>(metrics_.size()));
  if (is_new) by_metric_.emplace_back();
  return at->second;
}

std::vector<std::string> RuleEngine::metrics() const {
  std::vector<std::string> names;
  for (auto& [name, number] : metrics_) names.push_back(name);
  return names;
}

std::string RuleEngine::key_of(const Subject& subject) {
  return (subject.scope == Scope::node ? "n/" : "f/") + subject.id;
}

RuleEngine::Place& RuleEngine::place(const Subject& subject) {
  auto& place = places_[key_of(subject)];
  if (place.live.empty()) place.subject = subject;
  return place;
}

RuleEngine::Live* RuleEngine::find_live(Place& place, const ReadyRule& rule,
                                        std::string_view instance) {
  for (auto& live : place.live)
    if (live.rule.get() == &rule && live.instance == instance) return &live;
  return nullptr;
}

void RuleEngine::raise(Place& place, Live& live, std::size_t level) {
  live.level = level;
  live.wanted = 0;
  emit_({live.rule->rule, place.subject, live.instance, level, live.value, live.evidence, {}});
}

void RuleEngine::over(Place& place, Live& live, std::string_view why) {
  auto was = std::exchange(live.level, 0);
  live.wanted = 0;
  live.hits.clear();
  if (was)
    emit_({live.rule->rule, place.subject, live.instance, 0, live.value, live.evidence, why});
}

/// What is neither pending nor raised nor counted goes.
void RuleEngine::sweep(Place& place) {
  std::erase_if(place.live, [](const Live& live) {
    return live.level == 0 && live.wanted == 0 && live.hits.empty();
  });
}

void RuleEngine::settle(Place& place, const RulePtr& rule, std::string_view instance,
                        std::size_t level, double measure, std::optional<value> evidence,
                        Timestamp at) {
  auto* live = find_live(place, *rule, instance);
  if (!live) {
    if (level == 0 || place.live.size() >= most_live) return;
    live = &place.live.emplace_back();
    live->rule = rule;
    live->instance = instance;
  }
  live->seen = at;
  live->value = measure;
  if (level == 0) {
    over(place, *live, "the condition is over");
    sweep(place);
    return;
  }
  if (evidence) live->evidence = std::move(evidence);
  if (level <= live->level) {
    live->wanted = 0;
    if (level < live->level || rule->rule.quiet) raise(place, *live, level);
    return;
  }
  if (live->wanted == 0) live->since = at;
  live->wanted = level;
  if (at - live->since >= std::chrono::seconds(rule->rule.hold)) {
    raise(place, *live, level);
    if (!rule->rule.quiet) return;
  }
  if (waits(rule->rule)) ticking_.insert(key_of(place.subject));
}

void RuleEngine::samples(const Subject& node, std::span<const Sample> samples, Timestamp at) {
  Place* where = nullptr;
  for (auto& one : samples) {
    if (one.metric >= by_metric_.size() || !std::isfinite(one.value)) continue;
    for (auto& rule : by_metric_[one.metric]) {
      if (rule->rule.label && *rule->rule.label != one.label) continue;
      if (!rule->covers(node)) continue;
      if (!where) where = &place(node);
      sample(*where, rule, one, samples, at);
    }
  }
  if (!where) return;
  unreported(*where, at);
  drop_if_empty(node);
}

void RuleEngine::sample(Place& place, const RulePtr& rule, const Sample& sample,
                        std::span<const Sample> all, Timestamp at) {
  auto& r = rule->rule;
  std::optional<double> now = sample.value;
  if (r.measure != Measure::value) now = measured(place, rule, sample, at);
  if (!now) return;
  ops::json::object evidence{{*r.metric, sample.value}};
  double size = sample.value;
  if (r.percent_of) {
    auto base = metrics_.at(*r.percent_of);
    const Sample* other = nullptr;
    for (auto& one : all)
      if (one.metric == base && (one.label == sample.label || (!other && one.label.empty())))
        other = &one;
    if (!other) return;
    size = std::max(other->value, 0.0);
    double whole = size * r.scale.value_or(1.0);
    now = whole > 0 ? 100.0 * *now / whole : 0;
    evidence[*r.percent_of] = size;
  }
  auto* live = find_live(place, *rule, sample.label);
  auto level = rule->level(*now, live ? live->level : 0);
  if (r.percent_of && size <= 0) level = 0;  // of nothing there is no share
  if (r.at_least && size < *r.at_least) level = 0;
  if (!live && level == 0) return;
  settle(place, rule, sample.label, level, *now, value(std::move(evidence)), at);
}

/// How much a value has grown: per minute since the last sample, or over the rule's window. A
/// counter that went back began anew with its node.
std::optional<double> RuleEngine::measured(Place& place, const RulePtr& rule, const Sample& sample,
                                           Timestamp at) {
  auto trail = std::find_if(place.trails.begin(), place.trails.end(), [&](const Trail& t) {
    return t.rule == rule && t.label == sample.label;
  });
  if (trail == place.trails.end()) {
    if (place.trails.size() >= most_live) return std::nullopt;
    trail = place.trails.insert(trail, Trail{rule, sample.label, {}});
  }
  auto& values = trail->values;
  auto window = std::chrono::seconds(rule->rule.window);
  if (rule->rule.measure == Measure::per_minute) {
    auto before = values.empty() ? std::nullopt : std::optional(values.back());
    // Live values come every second: too short a time to tell a rate.
    if (before && at - before->first < window && sample.value >= before->second)
      return std::nullopt;
    values.assign(1, {at, sample.value});
    if (!before || sample.value < before->second || at <= before->first) return std::nullopt;
    auto minutes = std::chrono::duration<double, std::ratio<60>>(at - before->first).count();
    return (sample.value - before->second) / minutes;
  }
  if (values.empty() || at - values.back().first >= window / most_points)
    values.emplace_back(at, sample.value);
  while (values.size() > 1 && at - values[1].first >= window) values.pop_front();
  auto& [then, first] = values.front();
  if (at - then < window) return std::nullopt;
  if (rule->rule.measure == Measure::growth) return sample.value - first;
  return first > 0 ? std::optional(100.0 * (sample.value - first) / first) : std::nullopt;
}

/// A disk that is gone, a peer that is gone: its condition is over, too.
void RuleEngine::unreported(Place& place, Timestamp at) {
  bool any = false;
  for (auto& live : place.live)
    if (live.rule->rule.kind == RuleKind::metric && at - live.seen > unreported_after) {
      over(place, live, "no longer reported");
      any = true;
    }
  if (any) sweep(place);
  std::erase_if(place.trails, [&](const Trail& trail) {
    return !trail.values.empty() &&
           at - trail.values.back().first >
               unreported_after + std::chrono::seconds(trail.rule->rule.window);
  });
}

void RuleEngine::notification(const Subject& node, const LogLine& line, Timestamp at) {
  for (auto& rule : of_notifications_) {
    auto& r = rule->rule;
    if (r.log_kind && *r.log_kind != line.kind) continue;
    if (r.log_source && *r.log_source != line.source) continue;
    if (r.log_severity && line.severity > severity_number(*r.log_severity)) continue;
    if (!rule->covers(node)) continue;
    if (rule->pattern && !re2::RE2::PartialMatch(
                             re2::StringPiece(line.text.data(), line.text.size()), *rule->pattern))
      continue;
    auto& where = place(node);
    auto* live = find_live(where, *rule, {});
    if (!live) {
      live = &where.live.emplace_back();
      live->rule = rule;
    }
    live->seen = at;
    ticking_.insert(key_of(node));
    live->hits.push_back(at);
    while (live->hits.size() > r.count) live->hits.pop_front();
    if (live->hits.size() < r.count || at - live->hits.front() > std::chrono::seconds(r.window))
      continue;
    live->value = static_cast<double>(r.count);
    live->evidence =
        ops::json::object{{"text", notifications::clean_text(std::string(line.text), 2048)},
                          {"source", std::string(line.source)},
                          {"kind", std::string(line.kind)},
                          {"pid", std::string(line.pid)},
                          {"mfa", std::string(line.mfa)},
                          {"application", std::string(line.application)}};
    raise(where, *live, 1);
  }
}

void RuleEngine::check(const Subject& node, const std::string& key, const etf::Term& found,
                       Timestamp at) {
  auto rules = by_check_.find(key);
  if (rules == by_check_.end()) return;
  auto all = is_empty(found) ? std::vector<etf::Term>() : elements(found);
  for (auto& rule : rules->second) {
    if (rule->rule.kind != RuleKind::check || !rule->covers(node)) continue;
    auto& where = place(node);
    if (rule->rule.instance) {
      items(where, rule, all, at);
    } else {
      std::optional<value> evidence;
      if (!all.empty()) evidence = as_evidence(all);
      settle(where, rule, {}, all.empty() ? 0 : 1, static_cast<double>(all.size()),
             std::move(evidence), at);
    }
  }
  drop_if_empty(node);
}

/// Each thing found is a condition of its own; those that are not found any more are over.
void RuleEngine::items(Place& place, const RulePtr& rule, const std::vector<etf::Term>& found,
                       Timestamp at) {
  std::set<std::string> seen;
  for (auto& one : found) {
    auto* map = one.get_if<etf::Map>();
    auto* name = map ? map->find(*rule->rule.instance) : nullptr;
    if (!name) continue;
    auto instance = node_text(*name);
    auto measure = rule->rule.value ? number(map->find(*rule->rule.value)) : std::optional(1.0);
    if (!measure) continue;
    auto* live = find_live(place, *rule, instance);
    auto level = rule->rule.value ? rule->level(*measure, live ? live->level : 0) : 1;
    if (level > 0) seen.insert(instance);
    if (live || level > 0) settle(place, rule, instance, level, *measure, evidence_of(one), at);
  }
  for (auto& live : place.live)
    if (live.rule == rule && !seen.contains(live.instance))
      over(place, live, "the condition is over");
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

void RuleEngine::drop_if_empty(const Subject& subject) {
  auto where = places_.find(key_of(subject));
  if (where != places_.end() && where->second.live.empty() && where->second.trails.empty())
    places_.erase(where);
}

void RuleEngine::tick(Timestamp at) {
  for (auto key = ticking_.begin(); key != ticking_.end();) {
    auto where = places_.find(*key);
    if (where != places_.end()) tick(where->second, at);
    bool is_waiting =
        where != places_.end() &&
        std::any_of(where->second.live.begin(), where->second.live.end(), [](const Live& live) {
          return waits(live.rule->rule) && (live.wanted > 0 || live.rule->rule.quiet);
        });
    if (where != places_.end() && where->second.live.empty() && where->second.trails.empty())
      places_.erase(where);
    key = is_waiting ? std::next(key) : ticking_.erase(key);
  }
}

void RuleEngine::tick(Place& place, Timestamp at) {
  for (auto& live : place.live) {
    auto& rule = live.rule->rule;
    if (!waits(rule)) continue;
    if (live.wanted > 0 && at - live.since >= std::chrono::seconds(rule.hold))
      raise(place, live, live.wanted);
    if (rule.quiet && live.wanted == 0) {
      auto quiet = std::chrono::seconds(live.level ? *rule.quiet : rule.window);
      if (at - live.seen >= quiet) over(place, live, "it did not come again");
    }
  }
  sweep(place);
}

void RuleEngine::restore(const Subject& subject, const std::string& id, const std::string& instance,
                         Severity severity, Timestamp at) {
  auto rule = rules_.find(id);
  if (rule == rules_.end()) return;
  auto& live = place(subject).live.emplace_back();
  live.rule = rule->second;
  live.instance = instance;
  live.level = 1;
  live.seen = at;
  auto& levels = rule->second->rule.levels;
  for (std::size_t i = 0; i < levels.size(); ++i)
    if (levels[i].severity == severity) live.level = i + 1;
  if (rule->second->rule.quiet) ticking_.insert(key_of(subject));
}

void RuleEngine::let_go(const Subject& subject, const std::string& id,
                        const std::string& instance) {
  auto where = places_.find(key_of(subject));
  if (where == places_.end()) return;
  std::erase_if(where->second.live, [&](const Live& live) {
    return live.rule->rule.id == id && live.instance == instance;
  });
}

void RuleEngine::forget(const Subject& subject) {
  places_.erase(key_of(subject));
  ticking_.erase(key_of(subject));
}

std::size_t RuleEngine::live() const {
  std::size_t count = 0;
  for (auto& [key, place] : places_) count += place.live.size();
  return count;
}

}  // namespace muster::alarms
