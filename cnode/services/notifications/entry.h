#pragma once

#include <boost/describe/enum.hpp>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace muster::notifications {

/// As syslog and OTP's logger order them: a smaller value is worse.
enum class Severity { emergency, alert, critical, error, warning, notice, info, debug };
BOOST_DESCRIBE_ENUM(Severity, emergency, alert, critical, error, warning, notice, info, debug)

/// One notification, checked and bounded, as it is stored.
struct Entry {
  std::int64_t id = 0;          ///< counts up in the order of storing, over all nodes
  Timestamp at;                 ///< when the daemon had it
  std::int64_t node_at_us = 0;  ///< the node's own clock, µs since the epoch; 0: not said
  Severity severity = Severity::error;
  std::string node_id, node, family;      ///< family: its name then, empty when not known
  std::string source, kind, application;  ///< application may be empty
  std::string pid, mfa, text;             ///< pid and mfa may be empty
  std::string report;                     ///< the structure, as an external term; may be empty

  std::size_t bytes() const {
    return sizeof(Entry) + text.size() + report.size() + kind.size() + application.size();
  }
};

}  // namespace muster::notifications
