#pragma once

#include <optional>

#include "base/clock.h"

namespace muster {

/// Whether the wall clock can be believed when it says that something is old. A clock that jumps
/// ahead must not make everything old: after a jump of more than a minute it is believed when it
/// has gone on steadily for an hour. Ask it regularly. Plain code; whoever trims owns it, on its
/// thread.
class JumpWatch {
 public:
  bool is_steady(const Clock& clock) {
    using namespace std::chrono_literals;
    auto steady = clock.steady();
    std::chrono::nanoseconds ahead = clock.now().time_since_epoch() - steady.time_since_epoch();
    bool jumped = ahead_ && std::chrono::abs(ahead - *ahead_) > 1min;
    ahead_ = ahead;
    if (jumped) jumped_at_ = steady;
    return !jumped_at_ || steady - *jumped_at_ > 1h;
  }

 private:
  std::optional<std::chrono::nanoseconds> ahead_;  ///< the wall clock of the steady one
  std::optional<std::chrono::steady_clock::time_point> jumped_at_;
};

}  // namespace muster
