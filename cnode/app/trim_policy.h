#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster::app {

/// When to ask the allocator to give memory back to the system. That walks through all that is
/// free, 0.15 s for a GiB of it, and holds up every allocation meanwhile: so only when there may be
/// something to gain. Asked every ten seconds. Plain decisions.
class TrimPolicy {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t worth = 8u << 20;
  static constexpr std::chrono::seconds shortest{10}, longest{600};

  /// `resident` bytes now. More than after the last time is a reason; more than there ever were
  /// after a time is one now and then, for what was in use then may be free by now.
  bool is_due(std::uint64_t resident, Clock::time_point now) const {
    if (resident >= last_ + worth) return true;
    return resident >= least_ + worth && now - trimmed_ >= pause_;
  }
  void trimmed(std::uint64_t before, std::uint64_t after, Clock::time_point now) {
    pause_ = before >= after + worth ? shortest : std::min(2 * pause_, longest);
    least_ = std::min(least_, after);
    last_ = after;
    trimmed_ = now;
  }

 private:
  std::uint64_t least_ = UINT64_MAX - worth, last_ = 0;
  std::chrono::seconds pause_ = shortest;
  Clock::time_point trimmed_;
};

}  // namespace muster::app
