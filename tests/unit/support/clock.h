#pragma once

#include "base/clock.h"

namespace muster::test {

/// A clock whose hands the test turns.
class HandClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  std::chrono::steady_clock::time_point steady() const override { return steady_time; }
  void turn(std::chrono::milliseconds by) {
    time += by;
    steady_time += by;
  }

  Timestamp time{std::chrono::milliseconds(1'795'248'930'123)};
  std::chrono::steady_clock::time_point steady_time{std::chrono::hours(1)};
};

}  // namespace muster::test
