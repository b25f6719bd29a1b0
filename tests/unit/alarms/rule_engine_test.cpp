#include "rule_engine.h"

namespace muster::alarms {
namespace {

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
