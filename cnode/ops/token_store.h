#pragma once

#include <optional>
#include <string_view>

#include "ops/caller.h"

namespace muster::ops {

/// Who a bearer token stands for: what a door asks, and services/access answers. Lives on the loop.
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  /// The token's name and role, or nothing.
  virtual std::optional<Caller> find(std::string_view token) const = 0;
};

}  // namespace muster::ops
