#include "mesh/dial_policy.h"

#include <gtest/gtest.h>

namespace muster::mesh {
namespace {

using namespace std::chrono_literals;
constexpr std::uint32_t middle = 0x80000000;  // no jitter

TEST(DialPolicy, GrowsFromTwoSecondsToThirty) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  std::vector<long> seconds;
  for (int i = 0; i < 7; ++i) {
    auto pause = policy.after_failure(now, middle);
    seconds.push_back(std::chrono::round<std::chrono::seconds>(pause).count());
    now += pause;
  }
  EXPECT_EQ(seconds, (std::vector<long>{2, 4, 8, 16, 30, 30, 30}));
}

TEST(DialPolicy, IsQuickForThirtySecondsAfterAStart) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  policy.expect_start(now);
  EXPECT_NEAR(policy.after_failure(now, middle).count(), 50, 1);
  auto end = now + 30s;
  int attempts = 0;
  for (; now < end; ++attempts) {
    auto pause = policy.after_failure(now, middle);
    EXPECT_LE(pause, 1001ms);
    now += pause;
  }
  EXPECT_GT(attempts, 28);
  EXPECT_NEAR(policy.after_failure(now, middle).count(), 2000, 1);
}

TEST(DialPolicy, StartsOverOnceALinkWasUp) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  for (int i = 0; i < 5; ++i) policy.after_failure(now, middle);
  policy.came_up(now);
  EXPECT_NEAR(policy.after_failure(now, middle).count(), 2000, 1);
}

TEST(DialPolicy, ANodeThatIsLostIsDialledAtOnceOnceAndThenLessAndLess) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  std::vector<long> seconds;
  for (int i = 0; i < 7; ++i) {
    policy.came_up(now);
    now += 100ms;
    policy.lost(now, middle);
    auto pause = policy.left_alone_until() - now;
    seconds.push_back(std::chrono::round<std::chrono::seconds>(pause).count());
    now += pause;
  }
  EXPECT_EQ(seconds, (std::vector<long>{0, 2, 4, 8, 16, 30, 30}));
  policy.came_up(now);
  now += 61s;
  policy.lost(now, middle);
  EXPECT_EQ(policy.left_alone_until(), now) << "it was UP for a minute";
  policy.came_up(now);
  policy.lost(now + 1s, middle);
  EXPECT_EQ(std::chrono::round<std::chrono::seconds>(policy.left_alone_until() - now), 3s);
}

TEST(DialPolicy, WhoeverHasJustStartedItDoesNotWaitForWhatItDidBefore) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  for (int i = 0; i < 5; ++i) policy.lost(now, middle);
  EXPECT_GT(policy.left_alone_until(), now);
  policy.expect_start(now);
  EXPECT_LE(policy.left_alone_until(), now);
}

TEST(DialPolicy, GivesUpOnAWrongCookieAfterFiveSecondsOfNothingElse) {
  DialPolicy policy;
  DialPolicy::Clock::time_point now{};
  now += 1h;
  EXPECT_FALSE(policy.is_refused_for_good(now, true));
  EXPECT_FALSE(policy.is_refused_for_good(now + 4s, true));
  EXPECT_FALSE(policy.is_refused_for_good(now + 4500ms, false)) << "it is still starting";
  EXPECT_FALSE(policy.is_refused_for_good(now + 5s, true));
  EXPECT_FALSE(policy.is_refused_for_good(now + 9900ms, true));
  EXPECT_TRUE(policy.is_refused_for_good(now + 10s, true));
}

}  // namespace
}  // namespace muster::mesh
