#pragma once

#include <map>
#include <vector>

#include "store/metrics/block.h"

namespace muster::store {

/// Summaries of series over steps of time, by the milliseconds at which each step begins. Plain
/// data, no I/O.
class RollUp {
 public:
  RollUp() = default;
  RollUp(const Block& raw, std::int64_t step);
  /// Out of a block of roll-ups: series * 8 + Member are its columns.
  explicit RollUp(const Block& block);
  Block block() const;
  /// Adds what came later.
  void add(const RollUp& later);

  enum Member : std::uint64_t { count, min, mean, max, last, members };
  using Line = std::vector<std::pair<std::int64_t, Summary>>;
  const std::map<SeriesId, Line>& lines() const { return lines_; }

 private:
  std::map<SeriesId, Line> lines_;
};

/// The step that `at` is in begins then.
inline std::int64_t step_of(std::int64_t at, std::int64_t step) {
  auto rest = at % step;
  return at - (rest < 0 ? rest + step : rest);
}

/// Two raw blocks as one: the moments of `second` after those of `first`.
Block join(Block first, Block second);

}  // namespace muster::store
