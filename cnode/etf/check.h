#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "etf/term.h"

namespace muster::etf {

/// How much a term from outside may ask of us.
struct Limits {
  std::size_t depth = 512;  ///< nesting of tuples, lists, maps
  /// Terms in all. Decoded, each takes a Term, however few bytes it came in: 64 MiB of them.
  std::size_t elements = (64u << 20) / sizeof(Term);
};

/// Walks one encoded term (without the version byte) at the front of `bytes` and gives its length
/// in bytes. libei reads without looking where its buffer ends; after this check every length, tag
/// and nesting in the term is known to be inside the buffer and inside the limits, so libei's
/// decoders are safe on it. Errors: bad_request (truncated, unknown or unsupported tag, with its
/// offset), too_large (limits).
Result<std::size_t> check(std::string_view bytes, const Limits& limits = {});

}  // namespace muster::etf
