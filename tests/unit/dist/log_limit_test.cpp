#include "dist/log_limit.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

TEST(LogLimit, AdmitsTenLinesInTenSecondsAndCountsTheOthers) {
  LogLimit limit;
  LogLimit::Clock::time_point now{std::chrono::hours(1)};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admits(now));
  EXPECT_FALSE(limit.admits(now));
  EXPECT_FALSE(limit.admits(now));
  EXPECT_EQ(limit.left_out(), 2u);
  EXPECT_TRUE(limit.admits(now + std::chrono::seconds(10)));
  EXPECT_EQ(limit.left_out(), 0u);
}

}  // namespace
}  // namespace muster::dist
