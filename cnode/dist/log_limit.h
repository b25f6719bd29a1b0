#pragma once

#include <chrono>
#include <cstddef>

namespace muster::dist {

/// Keeps strangers from filling the log: at most ten lines of a kind in ten seconds. Plain data.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// How many lines were left out since the last one that was admitted.
  std::size_t left_out() const { return left_out_; }
  bool admits(Clock::time_point now) {
    if (now - since_ >= std::chrono::seconds(10)) {
      since_ = now;
      lines_ = 0;
    }
    if (lines_ >= 10) {
      ++left_out_;
      return false;
    }
    ++lines_;
    left_out_ = 0;
    return true;
  }

 private:
  Clock::time_point since_{};
  std::size_t lines_ = 0, left_out_ = 0;
};

}  // namespace muster::dist
