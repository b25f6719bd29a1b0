#include "services/orchestration/steps.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::orchestration {
namespace {

std::vector<Step> walk(Deployment& node) {
  std::vector<Step> steps;
  while (auto step = next_step(node)) {
    steps.push_back(*step);
    begin(node, *step);
    if (*step == Step::remove) break;
    finish(node, *step);
  }
  return steps;
}

using enum Step;

TEST(Steps, LeadFromAPlaceToTheNodeManager) {
  Deployment node;
  node.goal = Goal::running;
  EXPECT_EQ(walk(node), (std::vector<Step>{upload, unpack, start, answer, bootstrap, hand_over}));
  EXPECT_EQ(node.reached, Reached::handed_over);
  EXPECT_TRUE(node.has_joined);
}

TEST(Steps, EndAtStoppedWithoutAutostart) {
  Deployment node;
  EXPECT_EQ(walk(node), (std::vector<Step>{upload, unpack}));
  EXPECT_FALSE(node.may_run);
}

TEST(Steps, StopOnlyWhatMayRun) {
  Deployment node;
  node.goal = Goal::running;
  walk(node);
  ASSERT_TRUE(want(node, Goal::stopped));
  EXPECT_EQ(walk(node), (std::vector<Step>{stop}));
  EXPECT_EQ(node.reached, Reached::unpacked);
  ASSERT_TRUE(want(node, Goal::gone));
  EXPECT_EQ(walk(node), (std::vector<Step>{remove}));
}

TEST(Steps, RestartByStoppingFirst) {
  Deployment node;
  node.goal = Goal::running;
  walk(node);
  ASSERT_TRUE(want(node, Goal::restarted));
  EXPECT_EQ(walk(node), (std::vector<Step>{stop, start, answer, bootstrap, hand_over}));
  EXPECT_EQ(node.goal, Goal::running);
}

TEST(Steps, RepeatAStepThatWasBegunWhenTheDaemonDied) {
  Deployment node;
  node.goal = Goal::running;
  node.reached = Reached::uploaded;
  begin(node, unpack);
  EXPECT_EQ(next_step(node), unpack);
}

TEST(Steps, StopAStartThatWasOnlyBegun) {
  Deployment node;
  node.goal = Goal::running;
  node.reached = Reached::unpacked;
  begin(node, start);
  fail(node, start, {"exit code 1", "no such file", "look"});
  EXPECT_EQ(next_step(node), std::nullopt);
  ASSERT_TRUE(want(node, Goal::gone));
  EXPECT_EQ(walk(node), (std::vector<Step>{stop, remove}));
}

TEST(Steps, GoOnFromTheStepThatFailed) {
  Deployment node;
  node.goal = Goal::running;
  node.reached = Reached::answered;
  node.may_run = true;
  EXPECT_FALSE(retry(node));
  begin(node, bootstrap);
  fail(node, bootstrap, {"no", "", ""});
  ASSERT_TRUE(retry(node));
  EXPECT_EQ(walk(node), (std::vector<Step>{bootstrap, hand_over}));
}

TEST(Steps, StartANodeAgainThatDidNotAnswer) {
  Deployment node;
  node.goal = Goal::running;
  node.reached = Reached::started;
  node.may_run = true;
  begin(node, answer);
  fail(node, answer, {"no", "", ""});
  ASSERT_TRUE(retry(node));
  EXPECT_EQ(walk(node), (std::vector<Step>{start, answer, bootstrap, hand_over}));
}

TEST(Steps, KeepANodeThatIsBeingDeletedFromBeingStarted) {
  Deployment node;
  ASSERT_TRUE(want(node, Goal::gone));
  EXPECT_EQ(want(node, Goal::running).error().errc(), Errc::conflict);
}

TEST(Steps, DoNotWaitForAStartWhenTheNodeIsToGo) {
  Deployment node;
  node.goal = Goal::running;
  begin(node, answer);
  EXPECT_TRUE(interrupts(node, Goal::gone));
  begin(node, unpack);
  EXPECT_FALSE(interrupts(node, Goal::gone));
}

}  // namespace
}  // namespace muster::orchestration
