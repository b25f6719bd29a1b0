#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace muster::etf {

/// How much a term from outside may ask of us.
struct Limits {
  std::size_t depth = 512;            ///< nesting of tuples, lists, maps
  std::size_t elements = 16'000'000;  ///< terms in all; one costs up to 80 bytes decoded
};

/// Walks one encoded term (without the version byte) at the front of `bytes` and gives its length
/// in bytes. libei reads without looking where its buffer ends; after this check every length, tag
/// and nesting in the term is known to be inside the buffer and inside the limits, so libei's
/// decoders are safe on it. Errors: bad_request (truncated, unknown or unsupported tag, with its
/// offset), too_large (limits).
Result<std::size_t> check(std::string_view bytes, const Limits& limits = {});

}  // namespace muster::etf
