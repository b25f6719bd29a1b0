#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster::doors::rest {

/// Is a client fast enough, that sends a body or reads an answer? It has `patience` without any
/// progress, and no more than that in all beside what the least rate takes for what it has moved.
/// Plain data; whoever waits says how long.
class Pace {
 public:
  using Duration = std::chrono::steady_clock::duration;

  Pace(Duration patience, std::uint64_t bytes_per_second)
      : patience_(patience), bytes_per_second_(bytes_per_second) {}

  /// How long the next step may take; zero: it was too slow.
  Duration allowance() const {
    std::chrono::milliseconds rated(bytes_ * 1000 / bytes_per_second_);
    return std::clamp<Duration>(patience_ + rated - waited_, Duration::zero(), patience_);
  }
  void moved(std::uint64_t bytes, Duration took) {
    bytes_ += bytes;
    waited_ += took;
  }

 private:
  Duration patience_, waited_{};
  std::uint64_t bytes_per_second_, bytes_ = 0;
};

}  // namespace muster::doors::rest
