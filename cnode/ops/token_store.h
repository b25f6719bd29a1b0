#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ops/caller.h"

namespace muster::ops {

/// Who a bearer token stands for: what a door asks, and services/access answers. Lives on the loop.
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  /// The token's name, its role, what it is bound to. Error: unauthorized, also where it has
  /// expired.
  virtual Result<Caller> find(std::string_view token) const = 0;
  /// Who a token that has expired stood for, for records; nothing for any other.
  virtual std::optional<std::string> find_expired(std::string_view token) const = 0;
};

}  // namespace muster::ops
