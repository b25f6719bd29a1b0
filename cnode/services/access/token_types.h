#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ops/caller.h"
#include "ops/convert.h"

/// What the operations on tokens take and give.
namespace muster::access {

/// A token without a role would open nothing.
enum class TokenRole {
  viewer = static_cast<int>(ops::Role::viewer),
  operator_ = static_cast<int>(ops::Role::operator_),
  admin = static_cast<int>(ops::Role::admin)
};
BOOST_DESCRIBE_ENUM(TokenRole, viewer, operator_, admin)

struct AddToken {
  std::string name;
  TokenRole role;
  std::optional<Timestamp> expires_at;
  std::optional<std::uint32_t> expires_in;
  std::vector<std::string> families;
  static constexpr ops::Doc docs[] = {
      {"name", "who holds it; calls are recorded as token:NAME"},
      {"expires_at", "opens nothing from then on; never when absent"},
      {"expires_in", "the same in seconds from now"},
      {"families",
       "ids or names: it may only call what is about nodes of these, and sees no other; no "
       "events"}};
};
BOOST_DESCRIBE_STRUCT(AddToken, (), (name, role, expires_at, expires_in, families))

struct TokenByName {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(TokenByName, (), (name))

struct TokenView {
  std::string name;
  ops::Role role = ops::Role::none;
  Timestamp created_at;
  std::optional<Timestamp> expires_at;
  bool is_expired = false;
  std::optional<Timestamp> last_used_at;  ///< to the minute
  std::vector<std::string> families;      ///< ids; none: not bound
};
BOOST_DESCRIBE_STRUCT(TokenView, (),
                      (name, role, created_at, expires_at, is_expired, last_used_at, families))

/// The only time that a token is shown.
struct NewToken {
  std::string name;
  ops::Role role = ops::Role::none;
  std::string token;
  std::optional<Timestamp> expires_at;
  std::vector<std::string> families;  ///< ids
};
BOOST_DESCRIBE_STRUCT(NewToken, (), (name, role, token, expires_at, families))

}  // namespace muster::access
