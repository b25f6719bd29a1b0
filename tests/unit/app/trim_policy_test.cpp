#include "app/trim_policy.h"

#include <gtest/gtest.h>

namespace muster::app {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t MiB = 1 << 20;

class TrimPolicyTest : public testing::Test {
 protected:
  /// Asks every ten seconds; each trim takes `took`. Returns how often it came to that.
  int pass(std::chrono::seconds time, std::uint64_t resident,
           std::chrono::milliseconds took = 5ms) {
    int trims = 0;
    for (auto end = now_ + time; now_ < end; now_ += 10s) {
      if (!policy_.is_due(resident, now_)) continue;
      ++trims;
      policy_.trimmed(took, now_);
    }
    return trims;
  }
  TrimPolicy policy_{50 * MiB};
  TrimPolicy::Clock::time_point now_{1h};
};

TEST_F(TrimPolicyTest, WhatAFloodTookIsLookedAtEveryTenSeconds) {
  EXPECT_EQ(pass(60s, 900 * MiB), 6) << "in use at first, free later";
}

TEST_F(TrimPolicyTest, ASmallDaemonIsLeftAlone) {
  EXPECT_EQ(pass(24h, 57 * MiB), 0);
}

TEST_F(TrimPolicyTest, WhatTakesLongIsDoneForHalfAPercentOfTheTime) {
  EXPECT_LE(pass(1h, 1000 * MiB, 150ms), 3600 / 30);
}

}  // namespace
}  // namespace muster::app
