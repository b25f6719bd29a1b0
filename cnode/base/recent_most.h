#pragma once

#include <algorithm>
#include <array>
#include <chrono>

namespace muster {

/// The largest of what was seen: ever, and in the last seconds (a minute at most). Plain data, one
/// thread at a time.
class RecentMost {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Clock::duration value, Clock::time_point now) {
    ever_ = std::max(ever_, value);
    auto second = second_of(now);
    auto& slot = slots_[static_cast<std::size_t>(second) % slots_.size()];
    if (slot.second != second) slot = {second, {}};
    slot.most = std::max(slot.most, value);
  }
  Clock::duration ever() const { return ever_; }
  Clock::duration within(std::chrono::seconds last, Clock::time_point now) const {
    Clock::duration most{};
    auto second = second_of(now);
    for (auto& slot : slots_)
      if (slot.second > second - last.count()) most = std::max(most, slot.most);
    return most;
  }

 private:
  struct Slot {
    std::int64_t second = -1'000;
    Clock::duration most{};
  };
  static std::int64_t second_of(Clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  }

  Clock::duration ever_{};
  std::array<Slot, 61> slots_;
};

}  // namespace muster
