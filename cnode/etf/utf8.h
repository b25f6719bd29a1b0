#pragma once

#include <string>
#include <string_view>

namespace muster::etf {

/// Is this UTF-8, in its shortest form, without surrogates?
bool is_utf8(std::string_view bytes);
/// UTF-8 of bytes that are each a character's number (ISO 8859-1).
std::string from_latin1(std::string_view bytes);

}  // namespace muster::etf
