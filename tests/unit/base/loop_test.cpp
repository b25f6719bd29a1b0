#include <gtest/gtest.h>

#include "base/late_loop.h"
#include "base/loop_meter.h"

namespace muster {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// The meter as run() asks it, on clocks of our own: a tick is a nanosecond.
class MeterTest : public testing::Test {
 protected:
  MeterTest() {
    meter_.begin(now_, [this] { return used_; });
  }
  /// A turn that waited, then worked.
  void turn(Clock::duration waited, Clock::duration worked) {
    now_ += static_cast<std::uint64_t>((waited + worked).count());
    used_ += worked;
    meter_.turn_ended(now_, [this] {
      ++looks_;
      return used_;
    });
  }
  Clock::duration longest() const { return meter_.longest().ever(); }

  LoopMeter meter_;
  std::uint64_t now_ = 1'000'000'000;
  Clock::duration used_ = 7s;
  int looks_ = 0;
};

TEST_F(MeterTest, ALongTurnIsChargedItsCpuTime) {
  turn(0s, 30ms);
  EXPECT_EQ(longest(), 30ms);
  EXPECT_EQ(meter_.turns().count(), 1u);
}

TEST_F(MeterTest, WaitingIsNoPartOfATurn) {
  turn(3s, 100us);
  turn(0s, 100us);
  turn(10min, 2ms);  // a process that was stopped
  EXPECT_EQ(longest(), 2ms + 100us);
}

TEST_F(MeterTest, ShortTurnsAreNeverAddedUp) {
  for (int i = 0; i < 10'000; ++i) turn(0s, 900us);
  EXPECT_EQ(longest(), 0ms);
  EXPECT_EQ(meter_.turns().count(), 0u);
}

TEST_F(MeterTest, AMillisecondOfOthersAtMostIsAddedToATurn) {
  for (int i = 0; i < 1'000; ++i) turn(0s, 7us);
  turn(0s, 20ms);
  EXPECT_GE(longest(), 20ms);
  EXPECT_LE(longest(), 21ms);
}

TEST_F(MeterTest, TheCpuClockIsReadOnceAMillisecond) {
  for (int i = 0; i < 100'000; ++i) turn(0s, 3us);
  EXPECT_LE(looks_, 300);
}

TEST(LoopMeter, RunsTheLoopAndSeesALongTurn) {
  asio::io_context io;
  LoopMeter meter;
  asio::post(io, [] {
    timespec time{};
    auto began = std::clock();
    while (std::clock() - began < CLOCKS_PER_SEC / 50) ::clock_gettime(CLOCK_MONOTONIC, &time);
  });
  meter.run(io);
  EXPECT_GE(meter.longest().ever(), 15ms);
  EXPECT_EQ(meter.longest().ever(), meter.longest().within(60s, Clock::now()));
}

TEST(RecentMost, ForgetsWhatIsOlderThanTheWindow) {
  RecentMost most;
  Clock::time_point start{1000s};
  most.add(50ms, start);
  most.add(20ms, start + 30s);
  EXPECT_EQ(most.within(10s, start + 30s), 20ms);
  EXPECT_EQ(most.within(60s, start + 30s), 50ms);
  EXPECT_EQ(most.within(60s, start + 60s), 20ms);
  EXPECT_EQ(most.within(60s, start + 1000s), 0ms);
  EXPECT_EQ(most.ever(), 50ms);
}

TEST(Turn, IsOverAfterFiveMilliseconds) {
  Clock::time_point start{1000s};
  Turn turn(start);
  EXPECT_FALSE(turn.is_over_at(start + 4ms));
  EXPECT_TRUE(turn.is_over_at(start + 5ms));
  EXPECT_FALSE(Turn().is_over());
}

class LateLoopTest : public testing::Test {
 protected:
  /// Looks five times a second for so long, each time with this lateness.
  bool look(Clock::duration during, Clock::duration by, Clock::duration busy) {
    bool holds = false;
    for (auto end = now_ + during; now_ < end; now_ += 200ms) holds = late_.looked(by, busy, now_);
    return holds;
  }
  LateLoop late_;
  Clock::time_point now_{1'000'000s};
};

TEST_F(LateLoopTest, IsToldWhenItGoesOnAndOverAfterAMinute) {
  EXPECT_FALSE(look(15s, 1500ms, 1600ms));
  EXPECT_TRUE(look(10s, 1500ms, 1600ms));
  EXPECT_EQ(late_.worst(), 1500ms);
  EXPECT_TRUE(look(40s, 1ms, 1ms)) << "quiet, but not for a minute";
  EXPECT_FALSE(look(30s, 1ms, 1ms));
}

TEST_F(LateLoopTest, OneHiccupIsNoAlarm) {
  EXPECT_FALSE(look(200ms, 4s, 4s));
  EXPECT_FALSE(look(2min, 1ms, 1ms));
}

TEST_F(LateLoopTest, AStoppedDaemonIsNotLate) {
  for (int i = 0; i < 20; ++i) {  // SIGSTOP and SIGCONT, again and again
    EXPECT_FALSE(look(200ms, 8s, 3ms));
    now_ += 8s;
  }
  EXPECT_FALSE(look(200ms, 10h, 3ms)) << "a container that was frozen over night";
}

TEST_F(LateLoopTest, OneTurnOfAMinuteIsToldAtOnce) {
  EXPECT_FALSE(look(1s, 1ms, 1ms));
  now_ += 50s;
  EXPECT_TRUE(late_.looked(50s, 50s, now_));
}

TEST_F(LateLoopTest, WhatCountsAsLateIsItsOwners) {
  late_ = LateLoop(250ms);
  EXPECT_FALSE(look(2min, 240ms, 240ms));
  EXPECT_TRUE(look(30s, 260ms, 260ms));
}

TEST_F(LateLoopTest, LateForLessThanASecondIsNoAlarm) {
  EXPECT_FALSE(look(10min, 900ms, 900ms));
}

}  // namespace
}  // namespace muster
