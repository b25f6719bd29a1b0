#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/backoff.h"

namespace muster::mesh {

/// When a node that is wanted but not linked is dialled next. Plain data: time and randomness come
/// from the caller. At once at first; then after 2 s growing to 30 s, for as long as the node is
/// wanted. For 30 s after expect_start() (somebody just started the node) after 50 ms growing to 1
/// s. A node that is lost is dialled at once, once: until an UP has lasted a minute, each further
/// loss is followed by 2 s growing to 30 s in which it is left alone, even if it dials us.
class DialPolicy {
 public:
  using Clock = std::chrono::steady_clock;

  void expect_start(Clock::time_point now) {
    starting_until_ = now + std::chrono::seconds(30);
    starting_.reset();
    settled_.reset();
    short_lives_ = 0;
    left_alone_until_ = {};
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
  /// It is UP: failures start over.
  void came_up(Clock::time_point now) {
    starting_until_ = {};
    settled_.reset();
    up_since_ = now;
  }
  /// It was UP and is lost, or its link came up and it did not.
  void lost(Clock::time_point now, std::uint32_t random) {
    bool was_long = up_since_ && now - *up_since_ >= std::chrono::minutes(1);
    up_since_.reset();
    if (was_long) short_lives_ = 0;
    if (short_lives_ == 0) after_short_life_.reset();
    left_alone_until_ = short_lives_++ == 0 ? now : now + after_short_life_.next(random);
  }
  /// Nothing is done about it before that, whatever it does.
  Clock::time_point left_alone_until() const { return left_alone_until_; }

 private:
  Clock::time_point starting_until_{}, left_alone_until_{};
  std::optional<Clock::time_point> up_since_;
  unsigned short_lives_ = 0;  ///< since an UP that lasted
  std::optional<Clock::time_point> refused_since_;
  Backoff starting_{std::chrono::milliseconds(50), std::chrono::seconds(1), 1.5};
  Backoff settled_{std::chrono::seconds(2), std::chrono::seconds(30)};
  Backoff after_short_life_{std::chrono::seconds(2), std::chrono::seconds(30)};
};

}  // namespace muster::mesh
