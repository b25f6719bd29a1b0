#include "dist/challenges.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

using namespace std::chrono_literals;

TEST(Challenges, AreKnownAsLongAsTheyWaitAndAMinuteLonger) {
  auto all = std::make_shared<Challenges>();
  auto now = Challenges::Clock::now();
  Challenges::Given given(all, 7);
  EXPECT_TRUE(all->is_ours(7, now + 24h));
  EXPECT_FALSE(all->is_ours(8, now));
  auto moved = std::move(given);
  EXPECT_TRUE(all->is_ours(7, now));
  moved.end(now);
  EXPECT_TRUE(all->is_ours(7, now + 1min));
  EXPECT_FALSE(all->is_ours(7, now + 1min + 1ns));
}

TEST(Challenges, ThatWaitAreNotForgottenForAnyNumberThatDoNot) {
  auto all = std::make_shared<Challenges>();
  auto now = Challenges::Clock::now();
  Challenges::Given waits(all, 7);
  for (std::uint32_t i = 0; i < 100'000; ++i) Challenges::Given(all, 1000 + i).end(now);
  EXPECT_TRUE(all->is_ours(7, now));
  EXPECT_TRUE(all->is_ours(1000 + 99'999, now));
  EXPECT_FALSE(all->is_ours(1000, now));
}

TEST(Challenges, GivenTwiceWaitUntilBothAreDone) {
  auto all = std::make_shared<Challenges>();
  auto long_after = Challenges::Clock::now() + 24h;
  Challenges::Given first(all, 7), second(all, 7);
  first.end(Challenges::Clock::now());
  EXPECT_TRUE(all->is_ours(7, long_after));
  second.end(Challenges::Clock::now());
  EXPECT_FALSE(all->is_ours(7, long_after));
}

}  // namespace
}  // namespace muster::dist
