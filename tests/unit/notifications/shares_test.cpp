#include "services/notifications/shares.h"

#include <gtest/gtest.h>

namespace muster::notifications {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::uint64_t kept = 64 << 20;

Entry entry(std::size_t text) {
  Entry made;
  made.text.assign(text, 'x');
  return made;
}

/// How many entries of this size a node brings in one go.
std::size_t flood(Shares& shares, const std::string& node, std::size_t text, Shares::Time now) {
  std::size_t count = 0;
  while (shares.admits(node, entry(text), now)) ++count;
  return count;
}

class SharesTest : public testing::Test {
 protected:
  Shares shares_{kept};
  Shares::Time now_{};
};

TEST_F(SharesTest, ANodeThatLogsWithoutEndPushesOutAQuarterAtMostInADay) {
  std::size_t bytes = 0;
  for (int minute = 0; minute < 24 * 60; ++minute, now_ += seconds(60))
    bytes += flood(shares_, "evil@a", 8192, now_) * 8192;
  EXPECT_GT(bytes, kept / 16);
  EXPECT_LT(bytes * 5 / 2, kept / 4) << "with its index";
}

TEST_F(SharesTest, AStormOfAnHonestNodeIsKept) {
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(shares_.admits("honest@a", entry(300), now_)) << i;
}

TEST_F(SharesTest, WhatOneNodeBringsCostsNoOther) {
  flood(shares_, "evil@a", 8192, now_);
  EXPECT_TRUE(shares_.admits("honest@a", entry(8192), now_));
}

TEST_F(SharesTest, ItIsSaidOnceWhenItBeginsAndOnceWhenItIsOver) {
  shares_.admits("a@a", entry(10), now_);
  auto first = shares_.take_changes(now_);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_FALSE(first[0].is_over);
  for (int second = 0; second < 100; ++second, now_ += seconds(1)) {
    flood(shares_, "a@a", 8192, now_);
    auto changes = shares_.take_changes(now_);
    ASSERT_EQ(changes.size(), second == 0 ? 1u : 0u) << second;
    EXPECT_TRUE(changes.empty() || changes[0].is_over);
  }
  now_ += seconds(30);
  auto last = shares_.take_changes(now_);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_FALSE(last[0].is_over);
  EXPECT_EQ(last[0].left_out, 100u);
  EXPECT_EQ(shares_.left_out(), 100u);
  EXPECT_TRUE(shares_.take_changes(now_).empty());
}

TEST_F(SharesTest, AShareIsWholeAgainAfterADay) {
  auto at_once = flood(shares_, "a@a", 1000, now_);
  EXPECT_NEAR(flood(shares_, "a@a", 1000, now_ + hours(24)), at_once, 1);
}

TEST_F(SharesTest, ANodeThatIsNotManagedAnyMoreIsForgotten) {
  flood(shares_, "a@a", 8192, now_);
  shares_.forget("a@a");
  EXPECT_TRUE(shares_.take_changes(now_ + hours(1)).empty());
}

}  // namespace
}  // namespace muster::notifications
