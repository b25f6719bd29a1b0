// What the rule engine makes of metrics: values, rates, growth, shares.
#include "services/alarms/rule_engine.h"

#include <cmath>

namespace muster::alarms {

using ops::json::value;

namespace {

constexpr auto unreported_after = std::chrono::minutes(15);
constexpr std::size_t most_points = 64;
/// Of a place. Users' rules leave the other half to those that are built in.
constexpr std::size_t most_trails = 4000;
constexpr std::size_t most_labels = 1100;  ///< of a metric: a node may have 1,024 schedulers

}  // namespace

/// What each sample is in percent of, found once for all labels.
class RuleEngine::Bases {
 public:
  explicit Bases(std::span<const Sample> all) : all_(all) {}

  /// The sample of that metric with this label, or else without one; or null.
  const Sample* find(std::uint32_t metric, const std::string& label) {
    auto [at, is_new] = by_metric_.try_emplace(metric);
    auto& by_label = at->second;
    if (is_new)
      for (auto& one : all_)
        if (one.metric == metric) by_label.insert_or_assign(one.label, &one);
    auto own = by_label.find(label);
    if (own == by_label.end()) own = by_label.find("");
    return own == by_label.end() ? nullptr : own->second;
  }

 private:
  std::span<const Sample> all_;
  std::map<std::uint32_t, std::unordered_map<std::string_view, const Sample*>> by_metric_;
};

void RuleEngine::samples(const Subject& node, std::span<const Sample> samples, Timestamp at) {
  Place* where = nullptr;
  Bases bases(samples);
  std::vector<std::size_t> seen(by_metric_.size());
  for (auto& one : samples) {
    if (one.metric >= by_metric_.size() || !std::isfinite(one.value)) continue;
    bool is_beyond = ++seen[one.metric] > most_labels;
    for (auto& rule : by_metric_[one.metric]) {
      auto& label = rule->rule.label;
      if (label ? *label != one.label : is_beyond) continue;
      if (!rule->covers(node)) continue;
      if (!where) where = &place(node);
      sample(*where, rule, one, bases, at);
    }
  }
  if (!where) return;
  unreported(*where, at);
  drop_if_empty(node);
}

void RuleEngine::sample(Place& place, const RulePtr& rule, const Sample& sample, Bases& bases,
                        Timestamp at) {
  auto& r = rule->rule;
  std::optional<double> now = sample.value;
  auto* live = find_live(place, *rule, sample.label);
  if (live) live->seen = at;  // also where nothing can be told of it yet
  if (r.measure != Measure::value) now = measured(place, rule, sample, at);
  if (!now) return;
  ops::json::object evidence{{*r.metric, sample.value}};
  double size = sample.value;
  if (r.percent_of) {
    auto* other = bases.find(metrics_.at(*r.percent_of), sample.label);
    if (!other) return;
    size = std::max(other->value, 0.0);
    double whole = size * r.scale.value_or(1.0);
    now = whole > 0 ? 100.0 * *now / whole : 0;
    evidence[*r.percent_of] = size;
  }
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
  auto trail = place.trails.find(ByRule::View(rule->rule.id, sample.label));
  if (trail == place.trails.end()) {
    auto most = rule->rule.source == Source::builtin ? most_trails : most_trails / 2;
    if (place.trails.size() >= most) return std::nullopt;
    trail = place.trails.try_emplace({rule->rule.id, sample.label}, Trail{rule, {}}).first;
  }
  auto& values = trail->second.values;
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

void RuleEngine::keep(const Subject& node, Timestamp at) {
  auto where = places_.find(key_of(node));
  if (where == places_.end()) return;
  for (auto& [condition, live] : where->second.live)
    if (live.rule->rule.kind == RuleKind::metric) live.seen = at;
}

/// A disk that is gone, a peer that is gone: its condition is over, too.
void RuleEngine::unreported(Place& place, Timestamp at) {
  bool any = false;
  for (auto& [condition, live] : place.live)
    if (live.rule->rule.kind == RuleKind::metric && at - live.seen > unreported_after) {
      over(place, live, "no longer reported");
      any = true;
    }
  if (any) sweep(place);
  std::erase_if(place.trails, [&](auto& each) {
    auto& trail = each.second;
    return !trail.values.empty() &&
           at - trail.values.back().first >
               unreported_after + std::chrono::seconds(trail.rule->rule.window);
  });
}

}  // namespace muster::alarms
