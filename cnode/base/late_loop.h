#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace muster {

/// Whether the loop is so late, so often, that somebody has to look: in three of the last six spans
/// of ten seconds a timer was late by a second and more, or by what else counts as late; over when
/// a whole minute had none.
///
/// Only what the loop itself was busy for counts: a daemon that was stopped, a container that was
/// frozen and a machine that slept are late, too, but nothing is wrong with them. Plain code;
/// whoever asks owns it.
class LateLoop {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto span = std::chrono::seconds(10);
  static constexpr int most_spans = 3;

  explicit LateLoop(Clock::duration late = std::chrono::seconds(1)) : late_(late) {}

  /// A timer ran `by` later than due; since the look before, the loop's thread worked or waited for
  /// a CPU for `busy`. Returns whether the condition holds.
  bool looked(Clock::duration by, Clock::duration busy, Clock::time_point now) {
    constexpr std::int64_t kept = 6;
    static_assert(kept == std::tuple_size_v<decltype(spans_)>);
    auto value = std::min(by, busy);
    auto number = now.time_since_epoch() / span;
    auto at = [this](std::int64_t one) -> auto& {
      return spans_[static_cast<std::size_t>(one % kept)];
    };
    if (number_ == 0) number_ = number - 1;
    // Spans without any look went by in this lateness.
    for (auto one = std::max(number_ + 1, number - kept + 1); one <= number; ++one) at(one) = value;
    at(number) = std::max(at(number), value);
    number_ = number;
    auto count =
        std::count_if(spans_.begin(), spans_.end(), [this](auto one) { return one >= late_; });
    holds_ = count >= most_spans || (holds_ && count > 0);
    return holds_;
  }
  /// Of the last minute.
  Clock::duration worst() const { return *std::max_element(spans_.begin(), spans_.end()); }

 private:
  Clock::duration late_;
  std::array<Clock::duration, 6> spans_{};
  std::int64_t number_ = 0;  ///< of the last span
  bool holds_ = false;
};

}  // namespace muster
