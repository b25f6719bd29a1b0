#include "base/fault_log.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

using namespace std::chrono_literals;

constexpr FaultLog::Clock::time_point start{1h};

TEST(FaultLog, SaysThatItIsWellAtFirstAndAfterAFaultThatWasSaid) {
  FaultLog log;
  EXPECT_TRUE(log.is_well(start));
  EXPECT_FALSE(log.is_well(start + 1s));
  EXPECT_TRUE(log.fails("gone", start + 2s));
  EXPECT_FALSE(log.fails("gone", start + 2h)) << "it is known";
  EXPECT_TRUE(log.is_well(start + 3h));
}

TEST(FaultLog, WhatFailsAndIsWellInTurnsIsSaidMoreAndMoreRarely) {
  FaultLog log;
  int lines = 0;
  for (auto at = 0s; at < 24h; at += 2s) {
    lines += log.is_well(start + at);
    lines += log.fails("gone", start + at + 1s);
  }
  EXPECT_GT(lines, 48);
  EXPECT_LT(lines, 70);
}

TEST(FaultLog, AFaultThatWasNotSaidAtOnceIsSaidIfItLasts) {
  FaultLog log;
  EXPECT_TRUE(log.fails("gone", start));
  EXPECT_TRUE(log.is_well(start + 1s));
  EXPECT_FALSE(log.fails("refused", start + 2s));
  EXPECT_FALSE(log.fails("refused", start + 59s));
  EXPECT_TRUE(log.fails("refused", start + 60s));
}

TEST(FaultLog, AFaultAfterAMinuteOfBeingWellIsSaidAtOnce) {
  FaultLog log;
  for (int i = 0; i < 100; ++i) {
    log.fails("gone", start + i * 1s);
    log.is_well(start + i * 1s);
  }
  EXPECT_FALSE(log.fails("gone", start + 158s));
  log.is_well(start + 159s);
  EXPECT_TRUE(log.fails("gone", start + 219s));
}

}  // namespace
}  // namespace muster
