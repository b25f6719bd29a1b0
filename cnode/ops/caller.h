#pragma once

#include <boost/describe/enum.hpp>
#include <optional>
#include <string>

#include "etf/term.h"

namespace muster::ops {

/// What a caller may do; each role includes the ones before it. `none` calls no operation.
enum class Role { none, viewer, operator_, admin };
BOOST_DESCRIBE_ENUM(Role, none, viewer, operator_, admin)

/// Who calls an operation, as its door found out.
struct Caller {
  std::string name;  ///< "token:ci", "node:shell@host": for records and logs
  Role role = Role::none;
  std::optional<etf::Pid> pid;  ///< the calling process, through the Erlang door
  std::string node;             ///< the node it calls from, through the Erlang door
};

}  // namespace muster::ops
