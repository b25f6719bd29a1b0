#pragma once

#include <chrono>
#include <string>

namespace muster {

/// Milliseconds since the Unix epoch: what rows, events and replies carry.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// Time as the daemon sees it. Units that decide by time take one of these, so that tests turn the
/// hands.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
};

/// The machine's clock.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  std::chrono::steady_clock::time_point steady() const override;
};

/// "2026-11-21T08:15:30.123Z" (RFC 3339, UTC).
std::string to_rfc3339(Timestamp time);

}  // namespace muster
