#pragma once

#include <string>

#include "ops/caller.h"
#include "ops/convert.h"

namespace muster::ops {

/// A role as callers see it, and as it stands in the database.
inline std::string role_text(Role role) {
  return enum_name(detail::enumerators_of<Role>(), static_cast<long long>(role));
}

/// Anything else is none.
inline Role role_from(const std::string& text) {
  for (auto role : {Role::viewer, Role::operator_, Role::admin})
    if (role_text(role) == text) return role;
  return Role::none;
}

}  // namespace muster::ops
