#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace muster::ops {

/// "2026-11-21T08:15:30.123Z" or with an offset (RFC 3339); bad_request for anything else.
Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace muster::ops
