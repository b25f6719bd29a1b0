#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/backoff.h"

namespace muster {

/// Which faults of something that is tried without end go to the log: each new reason, and once
/// that it is well again. What fails again before it was well for a minute waits for its line: a
/// minute since the last, growing to an hour. Plain data.
class FaultLog {
 public:
  using Clock = std::chrono::steady_clock;

  /// It fails for this reason. True: say so.
  bool fails(const std::string& why, Clock::time_point now) {
    if (std::exchange(is_well_, false) && now - well_since_ >= std::chrono::minutes(1)) {
      pauses_.reset();
      quiet_until_ = {};
    }
    if (why == said_ || now < quiet_until_) return false;
    said_ = why;
    quiet_until_ = now + pauses_.next(0);
    return true;
  }
  /// It is well. True: say so, as it is news to whoever reads the log.
  bool is_well(Clock::time_point now) {
    if (!std::exchange(is_well_, true)) well_since_ = now;
    return !std::exchange(said_, {}).empty();
  }

 private:
  std::string said_ = "not tried yet";  ///< empty: that it is well
  bool is_well_ = false;
  Clock::time_point well_since_{}, quiet_until_{};
  Backoff pauses_{std::chrono::minutes(1), std::chrono::hours(1), 2.0, 0.0};
};

}  // namespace muster
