#pragma once

#include <string>

#include "etf/term.h"

namespace muster::etf {

/// `term` as a shell would print it (~0tp), for logs, errors and tables; cut with "..." after about
/// `limit` bytes; one line of printable characters, whatever is in it. Integers of more than 150
/// digits are printed in base 16.
std::string to_string(const Term& term, std::size_t limit = 4096);

/// An atom with quotes where Erlang's syntax wants them, and what may not be shown as \x{9B}.
std::string quoted(const Atom& atom);

/// What a node calls something: text as it is, any other term as a shell prints it, on one
/// printable line of at most `most` bytes.
std::string name_of(const Term& term, std::size_t most);

}  // namespace muster::etf
