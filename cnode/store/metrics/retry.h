#pragma once

#include <chrono>

#include "base/backoff.h"

namespace muster::store {

/// When what has failed is tried again: after 1 s, then after pauses that double up to a minute; a
/// success begins anew. Plain code, no clock of its own; who tries owns it.
class Retry {
 public:
  using Time = std::chrono::steady_clock::time_point;

  bool is_due(Time now) const { return now >= next_; }
  void failed(Time now) { next_ = now + pauses_.next(0); }
  void succeeded() {
    pauses_.reset();
    next_ = {};
  }

 private:
  Backoff pauses_{std::chrono::seconds(1), std::chrono::seconds(60), 2.0, 0.0};
  Time next_{};
};

}  // namespace muster::store
