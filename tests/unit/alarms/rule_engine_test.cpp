#include "services/alarms/pattern_search.h"

#include <gtest/gtest.h>

namespace muster::alarms {
namespace {

using etf::atom;
using etf::binary;
using etf::Term;

bool any_metric(const std::string&) {
  return true;
}

Rule threshold(std::string id, std::vector<Level> levels) {
  Rule rule;
  rule.id = std::move(id);
  rule.source = Source::user;
  rule.metric = "m";
  rule.levels = std::move(levels);
  return rule;
}

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

TEST_F(RuleEngineTest, RaisesAboveAndClearsBelowWithHysteresis) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  EXPECT_EQ(sample(70), "");
  EXPECT_EQ(sample(71), "t=1 ");
  EXPECT_EQ(sample(90), "");
  EXPECT_EQ(sample(61), "") << "between the levels nothing changes";
  EXPECT_EQ(sample(60), "t=0 ");
  EXPECT_EQ(sample(65), "");
  EXPECT_EQ(engine.live(), 0u) << "a quiet condition costs nothing";
}

TEST_F(RuleEngineTest, TheDaemonItselfIsNoFamilyOfThatName) {
  Rule rule;
  rule.id = "late";
  rule.check = "late";
  rule.kind = RuleKind::event;
  rule.levels = {{Severity::warning, {}, {}}};
  add(rule);
  Subject daemon{Scope::daemon, "daemon", "daemon", {}, {}};
  engine.state(daemon, "late", {}, true, {}, now);
  EXPECT_EQ(take(), "late=1 ");
  engine.state(daemon, "late", {}, true, ops::json::value(2), now);
  EXPECT_EQ(take(), "late=1 ") << "there is more to know";
  engine.state(daemon, "late", {}, true, ops::json::value(2), now);
  EXPECT_EQ(take(), "");
  engine.state({Scope::family, "daemon", "daemon", {}, {}}, "late", {}, false, {}, now);
  EXPECT_EQ(take(), "");
  engine.state(daemon, "late", {}, false, {}, now);
  EXPECT_EQ(take(), "late=0 ");
}

TEST_F(RuleEngineTest, ChangesTheSeverityOfOneCondition) {
  add(threshold("t", {{Severity::minor, 70, 65}, {Severity::major, 85, 80}}));
  EXPECT_EQ(sample(90), "t=2 ");
  EXPECT_EQ(sample(82), "");
  EXPECT_EQ(sample(79), "t=1 ");
  EXPECT_EQ(sample(86), "t=2 ");
  EXPECT_EQ(sample(10), "t=0 ");
}

TEST_F(RuleEngineTest, LooksDownwardsToo) {
  auto rule = threshold("t", {{Severity::minor, 10, 20}});
  rule.direction = Direction::below;
  add(rule);
  EXPECT_EQ(sample(15), "");
  EXPECT_EQ(sample(9), "t=1 ");
  EXPECT_EQ(sample(15), "");
  EXPECT_EQ(sample(21), "t=0 ");
}

TEST_F(RuleEngineTest, WaitsForTheHoldTime) {
  auto rule = threshold("t", {{Severity::minor, 70, 60}});
  rule.hold = 30;
  add(rule);
  EXPECT_EQ(sample(80), "");
  pass(20);
  EXPECT_EQ(sample(10), "") << "it did not hold";
  EXPECT_EQ(sample(80), "");
  pass(31);
  EXPECT_EQ(take(), "") << "a metric is judged when it is measured";
  EXPECT_EQ(sample(80), "t=1 ");
}

TEST_F(RuleEngineTest, TellsLabelsApart) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  EXPECT_EQ(sample(80, "/"), "t[/]=1 ");
  EXPECT_EQ(sample(80, "/data"), "t[/data]=1 ");
  EXPECT_EQ(sample(10, "/"), "t[/]=0 ");
}

TEST_F(RuleEngineTest, IsInPercentOfAnotherMetricOfTheSameLabelOrOfAll) {
  auto rule = threshold("t", {{Severity::minor, 50, 40}});
  rule.percent_of = "limit";
  rule.scale = 2;
  add(rule);
  auto m = engine.metric("m"), limit = engine.metric("limit");
  std::vector<Sample> some{{m, "x", 101}, {m, "y", 101}, {limit, "x", 100}, {limit, "", 1000}};
  engine.samples(node, some, now);
  EXPECT_EQ(take(), "t[x]=1 ");
  EXPECT_EQ(evidence.at("limit"), 100.0);
  Sample alone{m, "x", 5000};
  engine.samples(node, {&alone, 1}, now);
  EXPECT_EQ(take(), "") << "without its base nothing can be said";
  std::vector<Sample> nothing{{m, "x", 0}, {limit, "x", 0}};
  engine.samples(node, nothing, now);
  EXPECT_EQ(take(), "t[x]=0 ") << "of nothing there is no share";
}

TEST_F(RuleEngineTest, MeasuresRatesOfCountersAndSurvivesTheirRestart) {
  auto rule = threshold("t", {{Severity::minor, 10, 5}});
  rule.measure = Measure::per_minute;
  rule.window = 20;
  add(rule);
  EXPECT_EQ(sample(1000), "");
  pass(1);
  EXPECT_EQ(sample(1005), "") << "one second tells no rate";
  pass(29);
  EXPECT_EQ(sample(1006), "t=1 ") << "12 a minute";
  pass(60);
  EXPECT_EQ(sample(3), "") << "the counter began anew";
  pass(60);
  EXPECT_EQ(sample(4), "t=0 ");
}

TEST_F(RuleEngineTest, MeasuresGrowthOverItsWindow) {
  auto rule = threshold("t", {{Severity::warning, 20, 10}});
  rule.measure = Measure::growth_percent;
  rule.window = 600;
  rule.at_least = 100;
  add(rule);
  for (int minute = 0; minute < 10; ++minute) {
    EXPECT_EQ(sample(100 + 3 * minute), "") << minute;
    pass(60);
  }
  EXPECT_EQ(sample(130), "t=1 ");
  for (int minute = 0; minute < 12; ++minute) {
    pass(60);
    sample(130);
  }
  EXPECT_EQ(engine.live(), 0u);
}

TEST_F(RuleEngineTest, IsOverWhenItIsNotReportedAnyMore) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  sample(80, "/mnt");
  std::string all;
  for (int minute = 0; minute < 16; ++minute) {
    pass(60);
    all += sample(10, "/");
  }
  EXPECT_EQ(all, "t[/mnt]=0 ");
}

TEST_F(RuleEngineTest, WhatABusyAgentDoesNotMeasureIsNotOver) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  sample(80, "/mnt");
  std::string all;
  for (int minute = 0; minute < 30; ++minute) {
    pass(60);
    engine.keep(node, now);
    all += sample(10, "/");
  }
  EXPECT_EQ(all, "");
  for (int minute = 0; minute < 16; ++minute) {
    pass(60);
    all += sample(10, "/");
  }
  EXPECT_EQ(all, "t[/mnt]=0 ");
}

TEST_F(RuleEngineTest, WhatIsReportedIsNotOverWhileItsWindowIsLongerThanItsPatience) {
  auto rule = threshold("g", {{Severity::minor, 20, 10}});
  rule.measure = Measure::growth_percent;
  rule.window = 3600;
  add(rule);
  engine.restore(node, "g", "", Severity::minor, now);
  auto minutes = [&](int count, double value) {
    std::string decided;
    for (int i = 0; i < count; ++i) {
      pass(60);
      decided += sample(value);
    }
    return decided;
  };
  EXPECT_EQ(minutes(55, 100), "") << "after a restart nobody knows how it has grown";
  EXPECT_EQ(minutes(10, 100), "g=0 ") << "it has not";
}

TEST_F(RuleEngineTest, AShareIsNotOverBecauseTheWholeIsMissing) {
  auto rule = threshold("s", {{Severity::minor, 70, 60}});
  rule.percent_of = "limit";
  add(rule);
  engine.restore(node, "s", "", Severity::minor, now);
  for (int i = 0; i < 30; ++i) {
    pass(60);
    EXPECT_EQ(sample(80), "");
  }
}

// Of 20,000 labels each was looked for among all, and each could be a condition of its own.
TEST_F(RuleEngineTest, EachLabelHasItsOwnWholeAndAFewAreLookedAt) {
  auto rule = threshold("s", {{Severity::minor, 70, 60}});
  rule.percent_of = "limit";
  add(rule);
  auto m = engine.metric("m"), limit = engine.metric("limit");
  std::vector<Sample> samples{{m, "a", 80},     {m, "b", 80},     {m, "c", 80},
                              {limit, "a", 90}, {limit, "", 200}, {limit, "b", 100}};
  engine.samples(node, samples, now);
  EXPECT_EQ(take(), "s[a]=1 s[b]=1 ") << "c is 40 % of what has no label";
  auto named = threshold("named", {{Severity::minor, 70, 60}});
  named.label = "l1120";
  add(named);
  samples = {{limit, "", 100}};
  for (int i = 0; i < 1150; ++i)
    samples.push_back({m, "l" + std::to_string(i), i < 1100 ? 1. : 80.});
  engine.samples(node, samples, now);
  EXPECT_EQ(take(), "named[l1120]=1 ") << "a rule sees the label that it names";
}

TEST_F(RuleEngineTest, RatesOfUsersRulesLeaveRoomForThoseThatAreBuiltIn) {
  std::vector<Sample> samples;
  for (auto* id : {"u1", "u2", "u3"}) {
    auto users = threshold(id, {{Severity::minor, 1e9, 1e8}});
    users.measure = Measure::per_minute;
    add(users);
  }
  auto own = threshold("own", {{Severity::minor, 70, 60}});
  own.metric = "count";
  own.measure = Measure::per_minute;
  own.source = Source::builtin;
  add(own);
  for (int i = 0; i < 1000; ++i) samples.push_back({engine.metric("m"), std::to_string(i), 1});
  engine.samples(node, samples, now);
  EXPECT_EQ(sample(1, {}, "count"), "");
  now += std::chrono::minutes(1);
  EXPECT_EQ(sample(100, {}, "count"), "own=1 ");
}

TEST_F(RuleEngineTest, HoldsOnlyForItsNodesAndFamilies) {
  auto rule = threshold("t", {{Severity::minor, 70, 60}});
  rule.families = {"shop"};
  add(rule);
  EXPECT_EQ(sample(80), "t=1 ");
  node = {Scope::node, "n2", "b@h", "f2", "office"};
  EXPECT_EQ(sample(80), "");
  rule.families = {};
  rule.nodes = {"b@h"};
  rule.id = "u";
  add(rule);
  EXPECT_EQ(sample(80), "u=1 ");
}

TEST_F(RuleEngineTest, CountsNotificationsAndForgetsThemInSilence) {
  Rule rule;
  rule.id = "timeouts";
  rule.kind = RuleKind::notification;
  rule.levels = {{Severity::major, std::nullopt, std::nullopt}};
  rule.pattern = "tim(e|ed) ?out";
  rule.count = 3;
  rule.window = 60;
  rule.quiet = 100;
  add(rule);
  say("request timed out");
  say("something else");
  pass(70);
  say("request timed out");
  say("request timed out");
  EXPECT_EQ(take(), "") << "the first was too long ago";
  say("request timed out");
  EXPECT_EQ(take(), "timeouts=1 ");
  EXPECT_EQ(evidence.at("text"), "request timed out");
  say("request timed out");
  EXPECT_EQ(take(), "timeouts=1 ") << "again";
  pass(99);
  EXPECT_EQ(take(), "");
  pass(2);
  EXPECT_EQ(take(), "timeouts=0 ");
  EXPECT_EQ(engine.live(), 0u);
}

TEST_F(RuleEngineTest, AHostilePatternCannotHoldItUp) {
  Rule rule;
  rule.id = "hostile";
  rule.kind = RuleKind::notification;
  rule.levels = {{Severity::major, std::nullopt, std::nullopt}};
  rule.pattern = "(a+)+$|(a|a)*b|(.*a){20}x";
  add(rule);
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) say(std::string(8192, 'a') + "!");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

Rule of_queues() {
  Rule rule;
  rule.id = "queues";
  rule.kind = RuleKind::check;
  rule.check = "long_queues";
  rule.instance = "pid";
  rule.value = "len";
  rule.levels = {{Severity::minor, 5000, 4000}, {Severity::major, 20000, 16000}};
  return rule;
}

Term queue(std::string pid, int length) {
  etf::Map map;
  map.pairs = {{atom("pid"), binary(pid)}, {atom("len"), length}, {atom("label"), binary("db")}};
  return map;
}

TEST_F(RuleEngineTest, EachThingThatACheckFindsIsAConditionOfItsOwn) {
  add(of_queues());
  engine.check(node, "long_queues", etf::list(queue("<1>", 6000), queue("<2>", 30000)), now);
  EXPECT_EQ(take(), "queues[<1>]=1 queues[<2>]=2 ");
  EXPECT_EQ(evidence.at("label"), "db");
  engine.check(node, "long_queues", etf::list(queue("<1>", 4500)), now);
  EXPECT_EQ(take(), "queues[<2>]=0 ");
  engine.check(node, "long_queues", Term(), now);
  EXPECT_EQ(take(), "queues[<1>]=0 ");
  engine.check(node, "long_queues", etf::list(atom("odd"), queue("<1>", 10)), now);
  EXPECT_EQ(take(), "");
}

TEST_F(RuleEngineTest, WhatIsNotListedMayBeAmongThoseLeftOut) {
  add(of_queues());
  auto look = [&](Term queues, bool is_cut) {
    engine.check(node, "long_queues", std::move(queues), now, is_cut);
    return take();
  };
  EXPECT_EQ(look(etf::list(queue("<1>", 9000), queue("<2>", 8000)), true),
            "queues[<1>]=1 queues[<2>]=1 ");
  EXPECT_EQ(look(etf::list(queue("<3>", 9000), queue("<4>", 4500)), true), "queues[<3>]=1 ")
      << "another 4,500 may wait for those that are not listed";
  EXPECT_EQ(look(etf::list(queue("<3>", 9000), queue("<4>", 3900)), true),
            "queues[<1>]=0 queues[<2>]=0 ")
      << "those left out are shorter";
  EXPECT_EQ(look(etf::list(queue("<5>", 9000)), false), "queues[<5>]=1 queues[<3>]=0 ");
}

TEST_F(RuleEngineTest, EventsHoldForTheirTimeAndTransientOnesPass) {
  Rule down;
  down.id = "down";
  down.kind = RuleKind::event;
  down.check = "down";
  down.levels = {{Severity::major, std::nullopt, std::nullopt}};
  down.hold = 30;
  add(down);
  auto restarted = down;
  restarted.id = restarted.check.emplace("restarted");
  restarted.hold = 0;
  restarted.quiet = 100;
  add(restarted);
  engine.state(node, "down", {}, true, std::nullopt, now);
  pass(20);
  engine.state(node, "down", {}, true, std::nullopt, now);
  EXPECT_EQ(take(), "");
  pass(10);
  EXPECT_EQ(take(), "down=1 ") << "another reason of being down does not begin anew";
  engine.state(node, "down", {}, false, std::nullopt, now);
  EXPECT_EQ(take(), "down=0 ");
  engine.state(node, "restarted", {}, true, std::nullopt, now);
  pass(50);
  engine.state(node, "restarted", {}, true, std::nullopt, now);
  pass(99);
  EXPECT_EQ(take(), "restarted=1 restarted=1 ");
  pass(1);
  EXPECT_EQ(take(), "restarted=0 ");
  EXPECT_EQ(engine.live(), 0u);
}

TEST_F(RuleEngineTest, GoesOnWithWhatWasRaisedBeforeARestart) {
  add(threshold("t", {{Severity::minor, 70, 60}, {Severity::major, 85, 80}}));
  engine.restore(node, "t", {}, Severity::major, now);
  EXPECT_EQ(sample(82), "") << "still major";
  EXPECT_EQ(sample(65), "t=1 ");
  EXPECT_EQ(sample(10), "t=0 ");
}

TEST_F(RuleEngineTest, WhatWasClearedByHandIsRaisedAnew) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  sample(80);
  take();
  engine.let_go(node, "t", {});
  EXPECT_EQ(sample(80), "t=1 ");
}

TEST_F(RuleEngineTest, ARemovedRuleTakesItsAlarmsAlong) {
  add(threshold("t", {{Severity::minor, 70, 60}}));
  sample(80);
  take();
  EXPECT_TRUE(engine.remove("t", now));
  EXPECT_EQ(take(), "t=0 ");
  EXPECT_EQ(sample(90), "");
  EXPECT_FALSE(engine.remove("t", now));
}

std::string refused(Rule rule, bool knows_metrics = true) {
  auto ready = make_ready(std::move(rule), [&](const std::string&) { return knows_metrics; });
  return ready ? "" : ready.error().field;
}

TEST(Rules, AreCheckedWhenTheyAreMade) {
  auto good = threshold("t", {{Severity::minor, 70, 60}});
  EXPECT_EQ(refused(good), "");
  EXPECT_EQ(refused(good, false), "/metric");
  auto rule = good;
  rule.levels[0].clear = 80;
  EXPECT_EQ(refused(rule), "/levels/0/clear");
  rule.direction = Direction::below;
  EXPECT_EQ(refused(rule), "");
  rule = good;
  rule.levels.push_back({Severity::major, 65, 60});
  EXPECT_EQ(refused(rule), "/levels/1/raise");
  rule.levels[1] = {Severity::minor, 90, 80};
  EXPECT_EQ(refused(rule), "/levels/1/severity");
  rule = good;
  rule.levels[0].raise.reset();
  EXPECT_EQ(refused(rule), "/levels/0/raise");
  rule = good;
  rule.id = "Über";
  EXPECT_EQ(refused(rule), "/id");
  rule = good;
  rule.nodes.resize(1001, "n@h");
  EXPECT_EQ(refused(rule), "/nodes");
  std::swap(rule.nodes, rule.families);
  EXPECT_EQ(refused(rule), "/families");
  rule = good;
  rule.nodes.assign(300, std::string(255, 'n'));
  EXPECT_EQ(refused(rule), "/nodes") << "each rule is kept, and shown";
  rule = good;
  rule.tags.assign(21, "t");
  EXPECT_EQ(refused(rule), "/tags") << "each alarm has them";
  rule.tags.assign(1, std::string(3000, 't'));
  EXPECT_EQ(refused(rule), "/tags");
  Rule log;
  log.id = "l";
  log.kind = RuleKind::notification;
  log.levels = {{Severity::minor, std::nullopt, std::nullopt}};
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = "(";
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = std::string(5000, 'a');
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = "((a{100}){100}){100}";
  EXPECT_EQ(refused(log), "/pattern") << "too large when compiled";
  log.pattern = "(?:(?:.{30}){30}a)c";  // 112 ms for the longest text
  EXPECT_EQ(refused(log), "/pattern") << "others would wait for it";
}

TEST(RuleEngineSpeed, TenThousandNodesCostLittle) {
  std::size_t raised = 0;
  RuleEngine engine([&](const Finding&) { ++raised; });
  std::vector<std::string> names;
  Timestamp now{std::chrono::hours(480'000)};
  for (auto rule : builtin_rules()) {
    auto ready = make_ready(std::move(rule), &any_metric);
    ASSERT_TRUE(ready);
    engine.add(std::move(*ready), now);
  }
  std::vector<Sample> samples;
  for (auto& name : engine.metrics()) samples.push_back({engine.metric(name), {}, 1.0});
  while (samples.size() < 150)
    samples.push_back({engine.metric("other." + std::to_string(samples.size())), {}, 1.0});
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    Subject node{Scope::node, "n" + std::to_string(i), "n@h", std::nullopt, std::nullopt};
    engine.samples(node, samples, now);
  }
  auto each = (std::chrono::steady_clock::now() - began) / 1000;
  RecordProperty(
      "microseconds_per_node",
      static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(each).count()));
  EXPECT_LT(each, std::chrono::milliseconds(2)) << "10,000 a minute are a third of a core then";
}

}  // namespace
}  // namespace muster::alarms
