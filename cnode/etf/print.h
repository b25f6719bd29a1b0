#pragma once

#include <string>

#include "etf/term.h"

namespace muster::etf {

/// `term` as a shell would print it (~0tp), for logs, errors and tables; cut with "..." after about
/// `limit` bytes. Integers of more than 1,200 digits are printed in base 16.
std::string to_string(const Term& term, std::size_t limit = 4096);

/// An atom with quotes where Erlang's syntax wants them.
std::string quoted(const Atom& atom);

}  // namespace muster::etf
