#pragma once

#include <gtest/gtest.h>

#include "services/alarms/pattern_search.h"

namespace muster::alarms {

inline bool any_metric(const std::string&) {
  return true;
}

inline Rule threshold(std::string id, std::vector<Level> levels) {
  Rule rule;
  rule.id = std::move(id);
  rule.source = Source::user;
  rule.metric = "m";
  rule.levels = std::move(levels);
  return rule;
}

/// Rules by themselves: samples, log lines and events in, decisions out.
class RuleEngineTest : public testing::Test {
 protected:
  void add(Rule rule) {
    auto ready = make_ready(std::move(rule), &any_metric);
    ASSERT_TRUE(ready) << ready.error().message << " at " << ready.error().field;
    engine.add(std::move(*ready), now);
  }
  /// What was decided since: "id[instance]=level ".
  std::string sample(double value, std::string label = {}, std::string metric = "m") {
    Sample one{engine.metric(metric), std::move(label), value};
    engine.samples(node, {&one, 1}, now);
    return take();
  }
  std::string take() { return std::exchange(decided, {}); }
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now += std::chrono::seconds(1);
      engine.tick(now);
    }
  }
  void say(std::string_view text, std::string_view kind = "report", int severity = 3) {
    LogLine line;
    line.text = text;
    line.kind = kind;
    line.severity = severity;
    PatternSearch::Heard heard{node, line};
    auto found = PatternSearch::search(engine.pattern_rules(), std::span(&heard, 1));
    engine.notification(node, line, found.in[0], now);
  }

  Timestamp now{std::chrono::hours(480'000)};
  Subject node{Scope::node, "n1", "a@h", "f1", "shop"};
  std::string decided;
  ops::json::value evidence;
  RuleEngine engine{[this](const Finding& finding) {
    decided += finding.rule.id;
    if (!finding.instance.empty()) decided += "[" + finding.instance + "]";
    decided += "=" + std::to_string(finding.level) + " ";
    if (finding.evidence) evidence = *finding.evidence;
  }};
};

}  // namespace muster::alarms
