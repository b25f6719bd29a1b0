#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace muster::store {

/// How long what is kept at which grain.
struct Tier {
  std::chrono::seconds
      step;  ///< of the first tier: how often nodes are asked, its samples are kept as they came
  std::chrono::seconds keep;
  /// What one block of it spans: an hour, or 24 steps where these are more than five minutes.
  std::chrono::seconds span() const;
  bool operator==(const Tier&) const = default;
};

/// "1m:1h 5m:1d 15m:7d": from fine to coarse, at most seven tiers.
using Schedule = std::vector<Tier>;

/// Units s, m, h, d, w, y. Each step is a multiple of the one before and a divisor or a multiple of
/// an hour, each keep longer than the one before. Error: bad_request, saying which part is wrong.
Result<Schedule> parse_schedule(std::string_view text);
/// "15m". Error: bad_request.
Result<std::chrono::seconds> parse_duration(std::string_view text);
std::string to_text(const Schedule& schedule);

}  // namespace muster::store
