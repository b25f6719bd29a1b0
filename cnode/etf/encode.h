#pragma once

#include <string>

#include "etf/term.h"

namespace muster::etf {

/// Appends `term` in the external format, without the version byte.
void encode(const Term& term, std::string& out);

/// term_to_binary/1: the version byte 131, then the term.
std::string encode_external(const Term& term);

}  // namespace muster::etf
