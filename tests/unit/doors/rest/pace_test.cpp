#include "doors/rest/pace.h"

#include <gtest/gtest.h>

namespace muster::doors::rest {
namespace {

using namespace std::chrono_literals;

TEST(Pace, AStepMayTakeAsLongAsPatienceHas) {
  Pace pace(30s, 4096);
  EXPECT_EQ(pace.allowance(), 30s);
  for (int i = 0; i < 100; ++i) pace.moved(1 << 20, 20s);
  EXPECT_EQ(pace.allowance(), 30s) << "50 KiB/s";
}

// A reader that took 64 KiB every 29 seconds held 8 MB for an hour.
TEST(Pace, WhoAlwaysMovesALittleInTimeIsTooSlowAllTheSame) {
  Pace pace(30s, 4096);
  auto lasted = 0s;
  while (pace.allowance() > 29s || lasted == 0s) {
    pace.moved(64 << 10, 29s);
    lasted += 29s;
  }
  while (pace.allowance() > 0s) {
    pace.moved(64 << 10, 29s);
    lasted += 29s;
    ASSERT_LT(lasted, 180s);
  }
}

TEST(Pace, WhatWaitsForUsIsNotCounted) {
  Pace pace(30s, 4096);
  pace.moved(0, 29s);
  EXPECT_EQ(pace.allowance(), 1s);
  pace.moved(4096, 0s);
  EXPECT_EQ(pace.allowance(), 2s);
  pace.moved(0, 2s);
  EXPECT_EQ(pace.allowance(), 0s);
}

}  // namespace
}  // namespace muster::doors::rest
