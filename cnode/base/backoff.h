#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster {

/// Growing pauses between attempts: `first`, then `factor` times longer each time up to `most`,
/// each varied by up to ±`jitter` of itself so that ten thousand of them do not march in step.
/// Plain data; the caller brings the randomness.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration first, Duration most, double factor = 2.0, double jitter = 0.2)
      : first_(first), most_(most), factor_(factor), jitter_(jitter), next_(first) {}

  /// The next pause. `random` is anything in [0, 2^32).
  Duration next(std::uint32_t random) {
    Duration base = next_;
    next_ = std::min(most_, std::chrono::duration_cast<Duration>(next_ * factor_));
    double unit = static_cast<double>(random) / 4294967295.0;
    return std::chrono::duration_cast<Duration>(base * (1.0 + jitter_ * (2.0 * unit - 1.0)));
  }
  /// After a success: start over.
  void reset() { next_ = first_; }

 private:
  Duration first_, most_;
  double factor_, jitter_;
  Duration next_;
};

}  // namespace muster
