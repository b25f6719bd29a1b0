#pragma once

#include "ops/type.h"

namespace muster::ops {

/// How many bytes each text of a request may have, wherever in it: a description, a comment, a
/// name. Only what is run on hosts (start_cmd, stop_cmd, and cmd and args of a strategy) may be
/// longer, and so may what is no text: secrets, variables, JSON and terms. Those have the request's
/// limit.
inline constexpr std::size_t longest_text = 4096;

/// too_large, with the field that is longer.
Result<void> check_texts(const Type& type, const void* value);

}  // namespace muster::ops
