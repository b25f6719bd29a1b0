#include "app/trim_policy.h"

#include <gtest/gtest.h>

namespace muster::app {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t MiB = 1 << 20;

class TrimPolicyTest : public testing::Test {
 protected:
  /// Asks every ten seconds; a trim takes `took` and leaves `after`. Returns how often it came to
  /// that.
  int pass(std::chrono::seconds time, std::uint64_t resident, std::uint64_t after,
           std::chrono::milliseconds took = 5ms) {
    int trims = 0;
    for (auto end = now_ + time; now_ < end; now_ += 10s) {
      if (!policy_.is_due(resident, now_)) continue;
      ++trims;
      policy_.trimmed(took, after, now_);
      resident = after;
    }
    return trims;
  }
  TrimPolicy policy_;
  TrimPolicy::Clock::time_point now_{1h};
};

TEST_F(TrimPolicyTest, WhatAFloodTookGoesBackWithinTenSeconds) {
  pass(10s, 50 * MiB, 50 * MiB);
  EXPECT_EQ(pass(60s, 900 * MiB, 880 * MiB), 6) << "in use";
  EXPECT_EQ(pass(10s, 880 * MiB, 55 * MiB), 1) << "free by now";
}

TEST_F(TrimPolicyTest, ADaemonThatStaysAsItIsIsLeftAlone) {
  pass(10s, 50 * MiB, 50 * MiB);
  EXPECT_EQ(pass(24h, 57 * MiB, 57 * MiB), 0);
}

TEST_F(TrimPolicyTest, WhatTakesLongIsDoneForHalfAPercentOfTheTime) {
  pass(10s, 50 * MiB, 50 * MiB);
  EXPECT_LE(pass(1h, 1000 * MiB, 1000 * MiB, 150ms), 3600 / 30);
}

}  // namespace
}  // namespace muster::app
