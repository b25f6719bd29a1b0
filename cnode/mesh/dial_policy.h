#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/backoff.h"

namespace muster::mesh {

/// When a node that is wanted but not linked is dialled next. Plain data: time and randomness come
/// from the caller. At once at first; then after 2 s growing to 30 s, for as long as the node is
/// wanted. For 30 s after expect_start() (somebody just started the node) after 50 ms growing to 1
/// s.
class DialPolicy {
 public:
  using Clock = std::chrono::steady_clock;

  void expect_start(Clock::time_point now) {
    starting_until_ = now + std::chrono::seconds(30);
    starting_.reset();
    settled_.reset();
  }
  bool is_starting(Clock::time_point now) const { return now < starting_until_; }

  /// The pause before the next attempt, after one has failed.
  Backoff::Duration after_failure(Clock::time_point now, std::uint32_t random) {
    return is_starting(now) ? starting_.next(random) : settled_.next(random);
  }
  /// Whether to give up on a node that is being started: every attempt for a while has been refused
  /// for its cookie. Not at the first: a release may set its cookie a little after its name.
  bool is_refused_for_good(Clock::time_point now, bool for_cookie) {
    if (!for_cookie)
      refused_since_.reset();
    else if (!refused_since_)
      refused_since_ = now;
    return refused_since_ && now - *refused_since_ >= std::chrono::seconds(5);
  }
  /// The link is up, or was lost just now: start over.
  void reset() {
    starting_until_ = {};
    settled_.reset();
  }

 private:
  Clock::time_point starting_until_{};
  std::optional<Clock::time_point> refused_since_;
  Backoff starting_{std::chrono::milliseconds(50), std::chrono::seconds(1), 1.5};
  Backoff settled_{std::chrono::seconds(2), std::chrono::seconds(30)};
};

}  // namespace muster::mesh
