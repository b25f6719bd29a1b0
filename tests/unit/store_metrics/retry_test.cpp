// Pauses between attempts to store what could not be stored.
#include "store/metrics/retry.h"

#include <gtest/gtest.h>

namespace muster::store {
namespace {

using std::chrono::seconds;

TEST(Retry, PausesGrowToAMinuteAndASuccessBeginsAnew) {
  Retry retry;
  Retry::Time now{seconds(1000)};
  for (int wanted : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_TRUE(retry.is_due(now));
    retry.failed(now);
    EXPECT_FALSE(retry.is_due(now + seconds(wanted) - std::chrono::milliseconds(1)));
    now += seconds(wanted);
  }
  EXPECT_TRUE(retry.is_due(now));
  retry.failed(now);
  retry.succeeded();
  EXPECT_TRUE(retry.is_due(now));
  retry.failed(now);
  EXPECT_TRUE(retry.is_due(now + seconds(1)));
}

}  // namespace
}  // namespace muster::store
