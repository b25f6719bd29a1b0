#pragma once

#include <algorithm>
#include <chrono>

namespace muster::mesh {

/// How much one node's agents may say: a second's share on average, several at once. What is more
/// is dropped before anything is made of it, for taking it apart is what a flood costs. Plain data.
class MessageShare {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double bytes_per_second = 1 << 20, most_at_once = 8 << 20;

  explicit MessageShare(Clock::time_point now) : at_(now) {}

  bool admits(std::size_t bytes, Clock::time_point now) {
    left_ = std::min(most_at_once,
                     left_ + std::chrono::duration<double>(now - at_).count() * bytes_per_second);
    at_ = now;
    if (static_cast<double>(bytes) > left_) return false;
    left_ -= static_cast<double>(bytes);
    return true;
  }

 private:
  double left_ = most_at_once;
  Clock::time_point at_;
};

}  // namespace muster::mesh
