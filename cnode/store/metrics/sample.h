#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace muster::store {

/// A measured number as it was sent: 64-bit integers stay exact, doubles keep every bit.
struct Number {
  std::uint64_t bits = 0;
  bool is_real = false;

  static Number of(std::int64_t value) { return {static_cast<std::uint64_t>(value), false}; }
  static Number of(double value) { return {std::bit_cast<std::uint64_t>(value), true}; }
  std::int64_t integer() const { return static_cast<std::int64_t>(bits); }
  double real() const {
    return is_real ? std::bit_cast<double>(bits) : static_cast<double>(integer());
  }
  bool is_nan() const { return is_real && std::isnan(real()); }
  bool operator==(const Number&) const = default;
};
inline bool less(const Number& a, const Number& b) {
  return a.is_real || b.is_real ? a.real() < b.real() : a.integer() < b.integer();
}

/// What is measured: a row of the dictionary that all nodes share. A histogram is a series per
/// statistic or bin of it, which have all but `part` in common.
struct Series {
  std::string name;    ///< "memory.total"
  std::string labels;  ///< "peer=a@b,kind=x": as whoever writes it orders them
  std::string kind;    ///< counter, gauge, histogram, …
  std::string part;    ///< "p99", of a histogram and its like
  auto operator<=>(const Series&) const = default;
};
using SeriesId = std::uint32_t;
using NodeId = std::uint32_t;

/// A series and the newest day (since the epoch) of which there are samples of it.
using Seen = std::pair<SeriesId, std::int64_t>;

/// A series and the only node that has sent it; 0: there is no such node, or no longer.
using Maker = std::pair<SeriesId, NodeId>;

struct Sample {
  SeriesId series = 0;
  bool is_real = false;
  std::uint64_t bits = 0;
  Number number() const { return {bits, is_real}; }
  bool operator==(const Sample&) const = default;
};

/// When a node was asked: milliseconds since the epoch by the daemon's clock, and by the node's.
struct Moment {
  std::int64_t at = 0, node_at = 0;
  bool operator==(const Moment&) const = default;
};

/// What one node sent at once.
struct Round {
  NodeId node = 0;
  Moment when;
  std::vector<Sample> samples;
};

/// What is kept of several samples. NaN is no value: it is not counted.
struct Summary {
  std::uint64_t count = 0;
  Number min, max, last;
  double mean = 0;

  void add(const Number& value) { add({1, value, value, value, value.real()}); }
  void add(const Summary& later) {
    if (later.count == 0 || later.min.is_nan()) return;
    if (count == 0) {
      *this = later;
      return;
    }
    if (less(later.min, min)) min = later.min;
    if (less(max, later.max)) max = later.max;
    last = later.last;
    auto sum = static_cast<long double>(mean) * static_cast<long double>(count) +
               static_cast<long double>(later.mean) * static_cast<long double>(later.count);
    count += later.count;
    mean = static_cast<double>(sum / static_cast<long double>(count));
  }
  bool operator==(const Summary&) const = default;
};

/// One point of an answer. Of a single sample: count 1, and all else is its value.
struct Point {
  Moment when;
  Summary value;
};

}  // namespace muster::store
