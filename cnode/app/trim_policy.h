#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster::app {

/// What the daemon's memory is at the moment, in bytes.
struct MemoryUse {
  std::uint64_t resident = 0;  ///< pages that it has of the system
  std::uint64_t in_use = 0;    ///< of the heap; the rest of it is free, given back or not
};

/// When to ask the allocator to give memory back to the system. That walks through all that is
/// free, 0.15 s for a GiB of it, holds up every allocation meanwhile, and pages that are needed
/// again a moment later have to be made anew: so only when more than before lies free and resident,
/// by a quarter of what is in use and 8 MiB at least, and for at most half a percent of the time.
/// Asked every ten seconds. Plain decisions.
class TrimPolicy {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t worth = 8u << 20;

  /// `at_start`: of a daemon that has done nothing yet.
  explicit TrimPolicy(const MemoryUse& at_start) : untrimmable_(beside(at_start)) {}

  bool is_due(const MemoryUse& use, Clock::time_point now) {
    untrimmable_ = std::min(untrimmable_, beside(use));
    return beside(use) - untrimmable_ >= std::max(worth, use.in_use / 4) && now >= next_;
  }
  void trimmed(Clock::duration took, const MemoryUse& use, Clock::time_point now) {
    untrimmable_ = beside(use);
    next_ = now + 200 * took;
  }

 private:
  static std::uint64_t beside(const MemoryUse& use) {
    return use.resident - std::min(use.resident, use.in_use);
  }

  std::uint64_t untrimmable_;  ///< resident beside what is in use, when all was given back
  Clock::time_point next_;
};

}  // namespace muster::app
