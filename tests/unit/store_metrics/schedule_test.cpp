#include "store/metrics/schedule.h"

#include <gtest/gtest.h>

namespace muster::store {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, ReadsTheDefaultAndSaysItAgain) {
  auto schedule = parse_schedule("1m:1h 5m:1d 15m:7d");
  ASSERT_TRUE(schedule);
  Schedule wanted{{60s, 3600s}, {300s, 86400s}, {900s, 604800s}};
  EXPECT_EQ(*schedule, wanted);
  EXPECT_EQ(to_text(*schedule), "1m:1h 5m:1d 15m:1w");
  EXPECT_EQ(*parse_schedule(to_text(*schedule)), wanted);
}

TEST(Schedule, BlocksSpanAnHourOrTwentyFourSteps) {
  auto schedule = *parse_schedule("10s:1h 5m:1d 15m:7d 1h:1y");
  EXPECT_EQ(schedule[0].span(), 1h);
  EXPECT_EQ(schedule[1].span(), 1h);
  EXPECT_EQ(schedule[2].span(), 6h);
  EXPECT_EQ(schedule[3].span(), 24h);
}

TEST(Schedule, RefusesWhatItCannotKeep) {
  for (auto text : {"", "  ", "1m", "1m:", ":1h", "1x:1h", "m:1h", "-1m:1h", "0m:1h", "1m:1h 1m:2h",
                    "1m:1h 90s:1d", "1m:2h 5m:1h", "7m:1d", "2h:1d", "1h:1m", "1m:1h5m:1d",
                    "1m:99999999999999999999y", "1m:9999999y",
                    "1s:1m 2s:2m 4s:3m 8s:4m 24s:5m 1m:6m 5m:10m 1h:2h"}) {
    auto schedule = parse_schedule(text);
    ASSERT_FALSE(schedule) << text;
    EXPECT_EQ(schedule.error().errc(), Errc::bad_request) << text;
  }
}

}  // namespace
}  // namespace muster::store
