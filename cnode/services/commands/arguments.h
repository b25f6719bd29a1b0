#pragma once

#include <set>
#include <string>
#include <vector>

#include "ops/convert.h"

namespace muster::commands {

/// The arguments of a command. From Erlang they are the terms that came. In JSON, maps of one key
/// "$atom", "$tuple", "$string" say what it has no word for.
struct Arguments {
  std::vector<etf::Term> terms;
  /// Names of atoms that came as text: a node is asked whether it has them before they are sent, so
  /// that nobody's typing fills its atom table.
  std::set<std::string> atoms;
};

}  // namespace muster::commands

namespace muster::ops {

template <>
struct Convert<commands::Arguments> {
  static Result<commands::Arguments> read(const Input& from);
  static json::value to_json(const commands::Arguments& arguments);
  static etf::Term to_term(const commands::Arguments& arguments);
  static json::object schema();
};

}  // namespace muster::ops
