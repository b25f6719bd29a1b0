#pragma once

#include <algorithm>
#include <chrono>

#include "dist/config.h"

namespace muster::dist {

/// When a link ticks, asks, and counts as down. Plain data; the owner tells what happened and asks
/// now and then what to do.
/// A tick received is answered when nothing was sent for a second: the peer's tick time is unknown,
/// so it must hear us as often as it speaks, but two ends that echo each other must not go on for
/// ever. A peer with a long tick time is asked (a monitor of an unused name, which every node
/// answers at once) before it counts as silent.
class Liveness {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Action { none, tick, probe, down };

  explicit Liveness(Clock::time_point now) : received_(now), sent_(now), probed_(now) {}

  void received(Clock::time_point now) { received_ = now; }
  void sent(Clock::time_point now) { sent_ = now; }
  /// A tick came: is it to be answered?
  bool answers_tick(Clock::time_point now) const { return now - sent_ >= std::chrono::seconds(1); }

  Action check(Clock::time_point now, const Times& times) {
    auto silence = now - received_;
    if (silence >= times.silence) return Action::down;
    auto again = std::max<Clock::duration>((times.silence - times.probe) / 3, Clock::duration(1));
    if (silence >= times.probe && now - std::max(probed_, received_) >= again) {
      probed_ = now;
      return Action::probe;
    }
    return now - sent_ >= times.tick ? Action::tick : Action::none;
  }

 private:
  Clock::time_point received_, sent_, probed_;
};

}  // namespace muster::dist
