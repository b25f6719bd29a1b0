#pragma once

#include <cstddef>

#include "etf/term.h"

namespace muster::etf {

/// About how many bytes of memory this term holds, itself included: what to claim for it.
std::size_t weight(const Term& term);

}  // namespace muster::etf
