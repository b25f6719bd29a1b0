#pragma once

#include <string_view>

#include "base/result.h"
#include "etf/check.h"
#include "etf/term.h"

namespace muster::etf {

/// One term in the external format, without the version byte, that fills `bytes` wholly.
/// Errors: those of check(), and bad_request where bytes are left over.
Result<Term> decode(std::string_view bytes, const Limits& limits = {});

/// The same for a term at the front of `bytes`; what it took is removed from them.
Result<Term> decode_front(std::string_view& bytes, const Limits& limits = {});

/// term_to_binary/1's form: the version byte 131, then the term. Compressed terms (131, 80) are
/// refused.
Result<Term> decode_external(std::string_view bytes, const Limits& limits = {});

}  // namespace muster::etf
