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

  /// `at_start`: the resident bytes of a daemon that has done nothing yet.
  explicit TrimPolicy(std::uint64_t at_start) : at_start_(at_start) {}

  /// `resident` bytes now.
  bool is_due(std::uint64_t resident, Clock::time_point now) const {
    return resident >= at_start_ + worth && now >= next_;
  }
  void trimmed(Clock::duration took, Clock::time_point now) { next_ = now + 200 * took; }

 private:
  std::uint64_t at_start_;
  Clock::time_point next_;
};

}  // namespace muster::app
