#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "ops/operation.h"
#include "ops/token_store.h"
#include "services/access/admin_token.h"
#include "services/access/token_rows.h"

namespace muster::access {

/// All tokens: the one in api.token, and those that an admin adds with a role, an end, and families
/// that they are bound to. Rows of the table `tokens`, kept in memory too, as every request asks.
/// When one was last used is written at most once a minute. Made by app; lives on the loop.
class TokenTable final : public ops::TokenStore {
 public:
  static constexpr std::size_t bound = 1000, most_families = 100;
  /// The ids of the families of this id or name.
  using FindFamilies = std::function<std::vector<std::string>(const std::string&)>;

  TokenTable(asio::any_io_executor executor, AdminToken admin, store::Database& database,
             FindFamilies find_families, const Clock& clock)
      : admin_(std::move(admin)),
        rows_(database),
        find_families_(std::move(find_families)),
        clock_(clock),
        running_(std::move(executor)) {}

  /// Reads the rows; before the door opens.
  Task<> start();
  asio::awaitable<void> stop();
  Result<ops::Caller> find(std::string_view token) const override;
  std::optional<std::string> find_expired(std::string_view token) const override;
  /// Told the callers' name of a token that ends or has expired ("token:ci").
  void on_ended(std::function<void(const std::string& caller)> told) { told_ = std::move(told); }
  /// muster.add_token, muster.list_tokens, muster.remove_token.
  std::vector<ops::Operation> operations();

 private:
  Task<NewToken> add(AddToken request, ops::Caller caller);
  Task<std::vector<TokenView>> list(ops::Empty request, ops::Caller caller);
  Task<ops::Empty> remove(TokenByName request, ops::Caller caller);
  Result<TokenView> check(const AddToken& request) const;
  bool forget(const std::string& name);
  bool is_expired(const TokenView& token) const;
  asio::awaitable<void> run_upkeep();
  void tell_expired();
  Task<> write_use();

  AdminToken admin_;
  TokenRows rows_;
  FindFamilies find_families_;
  const Clock& clock_;
  mutable TokenRows::Tokens by_hash_;
  std::size_t being_added_ = 0;
  mutable std::set<std::string> used_;  ///< names, since that was last written
  std::set<std::string> told_expired_;  ///< names
  std::function<void(const std::string&)> told_ = [](auto&) {};
  TaskGroup running_;
};

}  // namespace muster::access
