#pragma once

#include <string_view>

namespace muster::etf {

/// Is this UTF-8, in its shortest form, without surrogates?
bool is_utf8(std::string_view bytes);

}  // namespace muster::etf
