#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace muster {

/// How long something took, counted in fixed classes from 1 ms to 10 s: what Prometheus reads as a
/// histogram. Plain data, one thread at a time.
class Histogram {
 public:
  static constexpr std::array<double, 9> bounds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};

  void add(std::chrono::steady_clock::duration took) {
    auto seconds = std::chrono::duration<double>(took).count();
    auto at = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
    ++counts_[static_cast<std::size_t>(at)];
    sum_ += seconds;
    ++count_;
  }
  /// In each class and, last, above all of them.
  const std::array<std::uint64_t, bounds.size() + 1>& counts() const { return counts_; }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace muster
