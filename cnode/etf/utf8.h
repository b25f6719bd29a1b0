#pragma once

#include <string>
#include <string_view>

#include "base/clean_text.h"

namespace muster::etf {

using muster::is_utf8;

/// UTF-8 of bytes that are each a character's number (ISO 8859-1).
std::string from_latin1(std::string_view bytes);

}  // namespace muster::etf
