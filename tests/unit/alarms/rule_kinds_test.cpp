#include "rule_engine.h"

#include "services/alarms/evidence_share.h"

namespace muster::alarms {
namespace {

using etf::atom;
using etf::binary;
using etf::Term;

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

// 50 things of 16 KiB each were kept, of each check of each node.
TEST_F(RuleEngineTest, TheEvidenceOfACheckIsBoundedInSum) {
  auto rule = of_queues();
  rule.instance.reset();
  rule.value.reset();
  rule.levels.resize(1);
  rule.levels[0].raise.reset();
  add(std::move(rule));
  etf::List large;
  large.elements.assign(50, binary(std::string(15'000, 'x')));
  engine.check(node, "long_queues", large, now);
  EXPECT_EQ(take(), "queues=1 ");
  EXPECT_EQ(evidence.at("count"), 50);
  EXPECT_LT(memory_of(evidence), 100u * 1024);
}

// A node whose list is cut raised 1,000 conditions, each with evidence of its own.
TEST_F(RuleEngineTest, TheEvidenceOfANodesConditionsIsBoundedInSum) {
  add(of_queues());
  auto look = [&](int from) {
    etf::List queues;
    for (int i = from; i < from + 100; ++i) {
      auto one = queue(std::to_string(i), 9000);
      one.get_if<etf::Map>()->pairs.emplace_back(atom("more"), binary(std::string(10'000, 'x')));
      queues.elements.push_back(std::move(one));
    }
    engine.check(node, "long_queues", queues, now, true);
    return evidence.as_object().contains("more");
  };
  EXPECT_TRUE(look(0));
  EXPECT_TRUE(look(0)) << "it takes the place of what there was";
  EXPECT_FALSE(look(100));
  for (int from = 200; from < 1000; from += 100) look(from);
  EXPECT_EQ(engine.live(), 1000u);
  EXPECT_TRUE(evidence.as_object().contains("left_out"));
  engine.check(node, "long_queues", Term(), now);
  EXPECT_TRUE(look(0)) << "what is over makes room";
  engine.forget(node);
  EXPECT_TRUE(look(0));
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

}  // namespace
}  // namespace muster::alarms
