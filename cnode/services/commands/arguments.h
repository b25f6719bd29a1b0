#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "etf/term.h"

namespace muster::commands {

/// The arguments of a command, spelled as terms: maps of one key "$atom", "$tuple", "$string" (how
/// JSON says what it has no word for) become what they mean. `atoms` collects the names of atoms
/// that came as text: a node is asked whether it has them before they are sent, so that nobody's
/// typing fills its atom table. Errors: bad_request at /args.
Result<std::vector<etf::Term>> read_arguments(const etf::Term& args, std::set<std::string>& atoms);

}  // namespace muster::commands
