#pragma once

#include <map>

#include "services/access/token_types.h"
#include "store/database.h"

namespace muster::access {

/// The table `tokens`; of a token itself only its SHA-256.
class TokenRows {
 public:
  using Tokens = std::map<std::string, TokenView, std::less<>>;  ///< by hash

  explicit TokenRows(store::Database& database) : database_(database) {}

  Task<Tokens> all();
  /// Error: conflict for a name that is taken.
  Task<> insert(std::string hash, TokenView token);
  /// Whether there was one.
  Task<bool> remove(std::string name);
  /// When they were last used, by name.
  Task<> note_use(std::map<std::string, Timestamp> times);

 private:
  store::Database& database_;
};

}  // namespace muster::access
