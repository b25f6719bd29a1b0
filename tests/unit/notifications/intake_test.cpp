#include "services/notifications/intake.h"

#include <gtest/gtest.h>

namespace muster::notifications {
namespace {

using namespace std::chrono_literals;

class IntakeTest : public testing::Test {
 protected:
  Entry entry(const std::string& node, const std::string& text = "x") {
    Entry entry;
    entry.node = node;
    entry.source = "logger";
    entry.text = text;
    return entry;
  }
  void offer(const std::string& node, int count) {
    for (int i = 0; i < count; ++i) intake.offer(entry(node, std::to_string(i)), now);
  }
  std::vector<Entry> take(std::size_t most = 1'000'000) {
    return intake.take(most, Timestamp(1ms), now);
  }
  static IntakeLimits limits() {
    IntakeLimits limits;
    limits.per_second = 10;
    limits.burst = 100;
    limits.queued = 60;
    return limits;
  }

  Intake intake{limits()};
  Intake::Time now{1000s};
};

TEST_F(IntakeTest, GivesWhatItTookInOrder) {
  offer("a@h", 3);
  auto taken = take();
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken[0].text, "0");
  EXPECT_EQ(taken[2].text, "2");
  EXPECT_EQ(taken[2].at, Timestamp(1ms));
  EXPECT_TRUE(intake.empty());
}

TEST_F(IntakeTest, ANodeThatLogsWithoutEndDelaysNoOther) {
  offer("storm@h", 60);
  offer("quiet@h", 1);
  auto taken = take(40);
  ASSERT_EQ(taken.size(), 40u);
  EXPECT_TRUE(std::any_of(taken.begin(), taken.end(), [](auto& e) { return e.node == "quiet@h"; }));
}

TEST_F(IntakeTest, DropsWhatIsTooMuchAndSaysHowMuch) {
  for (int i = 0; i < 5; ++i) {
    offer("storm@h", 50);
    take();
  }
  EXPECT_EQ(intake.dropped(), 150u);  // 100 at once
  now += 1s;
  auto said = take();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].kind, "dropped");
  EXPECT_EQ(said[0].node, "storm@h");
  EXPECT_EQ(said[0].severity, Severity::warning);
  EXPECT_NE(said[0].text.find("100 notifications dropped"), std::string::npos) << said[0].text;
  offer("storm@h", 50);
  EXPECT_EQ(take().size(), 10u);  // a second's worth
}

TEST_F(IntakeTest, SaysItOnceASecond) {
  offer("storm@h", 61);
  EXPECT_EQ(take().front().kind, "dropped");
  offer("storm@h", 61);
  EXPECT_EQ(take().front().kind, "");
  EXPECT_TRUE(intake.has_drops());
  now += 1s;
  EXPECT_EQ(take().front().kind, "dropped");
  EXPECT_FALSE(intake.has_drops());
}

TEST_F(IntakeTest, SaysWhatTheAgentDropped) {
  intake.dropped_on_node(entry("a@h"), "sasl", 34);
  intake.dropped_on_node(entry("a@h"), "logger", 1200);
  auto said = take();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].text,
            "1234 notifications dropped by the node's agent (logger: 1200, sasl: 34)");
}

// They were said as the daemon's own words, and their sum went round.
TEST_F(IntakeTest, SaysNoWordsOfANodeAndNoSumThatItMadeUp) {
  constexpr auto most = static_cast<std::uint64_t>(INT64_MAX);
  for (auto* name : {"x: 1) shop2@h is DOWN", "a", "b"})
    intake.dropped_on_node(entry("a@h"), name, most);
  intake.dropped_on_node(entry("a@h"), "sasl", most);
  auto said = take();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].text,
            "2000000000 notifications dropped by the node's agent (other: 1000000000, "
            "sasl: 1000000000)");
}

TEST_F(IntakeTest, KeepsInOrderWhatCouldNotBeStored) {
  offer("a@h", 5);
  auto taken = take(3);
  intake.put_back(std::move(taken));
  auto again = take();
  ASSERT_EQ(again.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(again[static_cast<std::size_t>(i)].text, std::to_string(i));
}

TEST_F(IntakeTest, BoundsTheBytesOfAllWithoutHittingTheSmall) {
  auto small = limits();
  small.burst = 10'000;
  small.queued = 10'000;
  small.all_bytes = 1 << 20;
  Intake bounded(small);
  for (int i = 0; i < 1000; ++i) bounded.offer(entry("big@h", std::string(8000, 'x')), now);
  bounded.offer(entry("small@h"), now);
  auto taken = bounded.take(100'000, {}, now);
  EXPECT_TRUE(std::any_of(taken.begin(), taken.end(), [](auto& e) { return e.node == "small@h"; }));
  EXPECT_LT(taken.size(), 200u);
  EXPECT_GT(bounded.dropped(), 800u);
}

TEST_F(IntakeTest, WhatWaitsOfANodeIsOfTheBudgetAndGoesWhereOthersNeedIt) {
  Budget budget(1 << 20);
  auto large = limits();
  large.burst = large.queued = 10'000;
  Intake held(large, &budget);
  for (int i = 0; i < 100; ++i) held.offer(entry("big@h", std::string(8000, 'x')), now);
  held.offer(entry("small@h"), now);
  EXPECT_GE(budget.held(), 800'000u);
  EXPECT_EQ(budget.accounts(), 1u) << "who has little claims nothing";
  Budget::Holder other(&budget, "token:x", [] {});
  EXPECT_TRUE(other.take(500'000));
  EXPECT_EQ(held.dropped(), 100u);
  auto taken = held.take(1000, {}, now);
  EXPECT_EQ(taken.size(), 2u) << "the small one's, and how much was dropped";
  EXPECT_EQ(budget.held(), 500'000u);
}

TEST_F(IntakeTest, ForgetsANode) {
  offer("a@h", 61);
  intake.forget("a@h");
  EXPECT_TRUE(intake.empty());
  EXPECT_TRUE(take().empty());
}

}  // namespace
}  // namespace muster::notifications
