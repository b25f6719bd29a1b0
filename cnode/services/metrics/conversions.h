#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace muster::metrics {

/// Between the store's times, ms since 1970, and those of operations.
inline std::int64_t ms(Timestamp time) {
  return time.time_since_epoch().count();
}
inline Timestamp time_of(std::int64_t value) {
  return Timestamp(std::chrono::milliseconds(value));
}

/// Days since 1970.
inline std::int64_t day_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

/// An absent member of a reply, where the store has an empty text.
inline std::optional<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace muster::metrics
