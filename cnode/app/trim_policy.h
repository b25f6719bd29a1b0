#pragma once

#include <chrono>
#include <cstdint>

namespace muster::app {

/// When to ask the allocator to give memory back to the system. That walks through all that is
/// free, 0.15 s for a GiB of it, and holds up every allocation meanwhile: so only when there may be
/// something to gain, and for at most half a percent of the time. Asked every ten seconds. Plain
/// decisions.
class TrimPolicy {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t worth = 8u << 20;

  /// `resident` bytes now.
  bool is_due(std::uint64_t resident, Clock::time_point now) const {
    return resident >= least_ + worth && now >= next_;
  }
  /// It took so long, and left so much.
  void trimmed(Clock::duration took, std::uint64_t resident, Clock::time_point now) {
    if (least_ == 0 || resident < least_) least_ = resident;
    next_ = now + 200 * took;
  }

 private:
  std::uint64_t least_ = 0;  ///< that a trim has ever left
  Clock::time_point next_;
};

}  // namespace muster::app
