#include "services/alarms/rule_engine.h"

#include "services/alarms/book.h"

namespace muster::alarms {

using ops::json::value;

namespace {

constexpr std::size_t most_live = 1000;

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
    for (auto& [condition, live] : place.live)
      if (live.rule == rule) over(place, live, "the rule was removed");
    std::erase_if(place.trails, [&](auto& trail) { return trail.second.rule == rule; });
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
  if (subject.scope == Scope::daemon) return "daemon";
  return (subject.scope == Scope::node ? "n/" : "f/") + subject.id;
}

RuleEngine::Place& RuleEngine::place(const Subject& subject) {
  auto& place = places_[key_of(subject)];
  if (place.live.empty()) place.subject = subject;
  return place;
}

RuleEngine::Live* RuleEngine::find_live(Place& place, const ReadyRule& rule,
                                        std::string_view instance) {
  auto at = place.live.find(ByRule::View(rule.rule.id, instance));
  return at == place.live.end() ? nullptr : &at->second;
}

RuleEngine::Live& RuleEngine::add_live(Place& place, const RulePtr& rule,
                                       std::string_view instance) {
  auto& live = place.live[{rule->rule.id, std::string(instance)}];
  live.rule = rule;
  live.instance = instance;
  return live;
}

void RuleEngine::keep(Place& place, Live& live, std::optional<value> evidence) {
  auto& rule = live.rule->rule;
  bool is_ours = place.subject.scope != Scope::node || is_seen_here(rule.source, rule.id);
  live.evidence.set(place.evidence, std::move(evidence), is_ours);
}

void RuleEngine::raise(Place& place, Live& live, std::size_t level) {
  live.level = level;
  live.wanted = 0;
  emit_(
      {live.rule->rule, place.subject, live.instance, level, live.value, live.evidence.get(), {}});
}

void RuleEngine::over(Place& place, Live& live, std::string_view why) {
  auto was = std::exchange(live.level, 0);
  live.wanted = 0;
  live.hits.clear();
  if (was)
    emit_({live.rule->rule, place.subject, live.instance, 0, live.value, live.evidence.get(), why});
}

/// What is neither pending nor raised nor counted goes.
void RuleEngine::sweep(Place& place) {
  std::erase_if(place.live, [](auto& each) {
    auto& live = each.second;
    return live.level == 0 && live.wanted == 0 && live.hits.empty();
  });
}

void RuleEngine::settle(Place& place, const RulePtr& rule, std::string_view instance,
                        std::size_t level, double measure, std::optional<value> evidence,
                        Timestamp at) {
  auto* live = find_live(place, *rule, instance);
  if (!live) {
    bool is_one = rule->rule.kind == RuleKind::event && instance.empty();
    if (level == 0 || (place.live.size() >= most_live && !is_one)) return;
    live = &add_live(place, rule, instance);
  }
  live->seen = at;
  live->value = measure;
  if (level == 0) {
    over(place, *live, "the condition is over");
    place.live.erase({rule->rule.id, std::string(instance)});
    return;
  }
  // Of the daemon itself it is told when there is more to know (how many, say).
  bool is_news =
      evidence && place.subject.scope == Scope::daemon && live->evidence.get() != evidence;
  if (evidence) keep(place, *live, std::move(evidence));
  if (level <= live->level) {
    live->wanted = 0;
    if (level < live->level || rule->rule.quiet || is_news) raise(place, *live, level);
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

void RuleEngine::drop_if_empty(const Subject& subject) {
  auto where = places_.find(key_of(subject));
  if (where != places_.end() && where->second.live.empty() && where->second.trails.empty())
    places_.erase(where);
}

bool RuleEngine::tick(Timestamp at, const Turn* turn) {
  for (auto key = ticking_.lower_bound(std::exchange(ticked_, {})); key != ticking_.end();) {
    if (turn && turn->is_over()) {
      ticked_ = *key;
      return false;
    }
    auto where = places_.find(*key);
    if (where != places_.end()) tick(where->second, at);
    bool is_waiting =
        where != places_.end() &&
        std::any_of(where->second.live.begin(), where->second.live.end(), [](auto& each) {
          auto& live = each.second;
          return waits(live.rule->rule) && (live.wanted > 0 || live.rule->rule.quiet);
        });
    if (where != places_.end() && where->second.live.empty() && where->second.trails.empty())
      places_.erase(where);
    key = is_waiting ? std::next(key) : ticking_.erase(key);
  }
  return true;
}

void RuleEngine::tick(Place& place, Timestamp at) {
  for (auto& [condition, live] : place.live) {
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
  auto& live = add_live(place(subject), rule->second, instance);
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
  where->second.live.erase({id, instance});
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
