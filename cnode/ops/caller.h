#pragma once

#include <optional>
#include <string>
#include <vector>

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
  std::string address = {};     ///< the host it calls from, through REST
  /// Ids: it may see and do what is of these alone. Empty: everything that its role allows.
  std::vector<std::string> families = {};

  bool is_bound() const { return !families.empty(); }
  const std::string& from() const { return address.empty() ? node : address; }
};

}  // namespace muster::ops
