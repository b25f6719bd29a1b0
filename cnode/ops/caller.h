#pragma once

#include <optional>
#include <string>

#include "base/role.h"
#include "etf/term.h"

namespace muster::ops {

using muster::Role;

/// Who calls an operation, as its door found out.
struct Caller {
  std::string name;  ///< "token:ci", "node:shell@host": for records and logs
  Role role = Role::none;
  std::optional<etf::Pid> pid;  ///< the calling process, through the Erlang door
  std::string node;             ///< the node it calls from, through the Erlang door
};

}  // namespace muster::ops
