#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "ops/operation.h"
#include "services/access/admin_token.h"
#include "store/database.h"

namespace muster::access {

struct AddToken {
  std::string name;
  ops::Role role;
  static constexpr ops::Doc docs[] = {{"name", "who holds it; calls are recorded as token:NAME"}};
};
BOOST_DESCRIBE_STRUCT(AddToken, (), (name, role))

struct TokenByName {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(TokenByName, (), (name))

/// The only time that a token is shown.
struct NewToken {
  std::string name;
  ops::Role role;
  std::string token;
};
BOOST_DESCRIBE_STRUCT(NewToken, (), (name, role, token))

struct TokenView {
  std::string name;
  ops::Role role;
  Timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(TokenView, (), (name, role, created_at))

/// All tokens: the one in api.token, and those that an admin adds with a role. Rows of the table
/// `tokens`, kept in memory too, as every request asks. Made by app; lives on the loop.
class TokenTable final : public ops::TokenStore {
 public:
  static constexpr std::size_t bound = 1000;

  TokenTable(AdminToken admin, store::Database& database, const Clock& clock)
      : admin_(std::move(admin)), database_(database), clock_(clock) {}

  /// Reads the rows; before the door opens.
  Task<> start();
  std::optional<ops::Caller> find(std::string_view token) const override;
  /// Told the callers' name of a token that ends ("token:ci").
  void on_removed(std::function<void(const std::string& caller)> told) { told_ = std::move(told); }
  /// muster.add_token, muster.list_tokens, muster.remove_token.
  std::vector<ops::Operation> operations();

 private:
  Task<NewToken> add(AddToken request, ops::Caller caller);
  Task<std::vector<TokenView>> list(ops::Empty request, ops::Caller caller);
  Task<ops::Empty> remove(TokenByName request, ops::Caller caller);
  bool forget(const std::string& name);

  AdminToken admin_;
  store::Database& database_;
  const Clock& clock_;
  std::map<std::string, TokenView> by_hash_;
  std::function<void(const std::string&)> told_ = [](auto&) {};
};

}  // namespace muster::access
