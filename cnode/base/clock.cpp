#include "base/clock.h"

#include <fmt/chrono.h>

namespace muster {

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point SystemClock::steady() const {
  return std::chrono::steady_clock::now();
}

std::string to_rfc3339(Timestamp time) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  std::time_t t = seconds.time_since_epoch().count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(t), (time - seconds).count());
}

}  // namespace muster
