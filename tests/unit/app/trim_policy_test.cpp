#include "app/trim_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace muster::app {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t MiB = 1 << 20;

/// A daemon of 50 MiB whose heap is as it is told; trimming leaves `rest` of what is free.
class TrimPolicyTest : public testing::Test {
 protected:
  /// Asks every ten seconds; each trim takes `took`. Returns how often it came to that.
  int pass(std::chrono::seconds time, std::chrono::milliseconds took = 5ms) {
    int trims = 0;
    for (auto end = now_ + time; now_ < end; now_ += 10s) {
      if (!policy_.is_due(use(), now_)) continue;
      ++trims;
      free_ = std::min(free_, rest_);
      policy_.trimmed(took, use(), now_);
    }
    return trims;
  }
  MemoryUse use() const { return {30 * MiB + in_use_ + free_, in_use_}; }

  std::uint64_t in_use_ = 20 * MiB, free_ = 0, rest_ = 0;
  TrimPolicy policy_{use()};
  TrimPolicy::Clock::time_point now_{1h};
};

TEST_F(TrimPolicyTest, WhatAFloodTookGoesBackWhenItIsFree) {
  in_use_ = 900 * MiB;
  EXPECT_EQ(pass(60s), 0) << "nothing is free yet";
  in_use_ = 20 * MiB;
  free_ = 880 * MiB;
  EXPECT_EQ(pass(10s), 1);
  EXPECT_EQ(free_, 0u);
}

TEST_F(TrimPolicyTest, ASmallDaemonIsLeftAlone) {
  free_ = 7 * MiB;
  EXPECT_EQ(pass(24h), 0);
}

TEST_F(TrimPolicyTest, WhatTheNextMessagesNeedAgainIsLeftAlone) {
  in_use_ = 200 * MiB;
  free_ = 40 * MiB;
  EXPECT_EQ(pass(24h), 0);
}

TEST_F(TrimPolicyTest, WhatCannotBeGivenBackIsTriedOnce) {
  free_ = rest_ = 100 * MiB;
  EXPECT_EQ(pass(24h), 1);
  free_ += 20 * MiB;
  EXPECT_EQ(pass(24h), 1) << "this much is new";
}

TEST_F(TrimPolicyTest, WhatTakesLongIsDoneForHalfAPercentOfTheTime) {
  int trims = 0;
  for (int i = 0; i < 360; ++i) {
    free_ = 900 * MiB;
    trims += pass(10s, 150ms);
  }
  EXPECT_LE(trims, 3600 / 30);
}

}  // namespace
}  // namespace muster::app
