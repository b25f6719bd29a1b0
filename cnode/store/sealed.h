#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "store/cipher.h"
#include "store/connection.h"

namespace muster::store {

/// A column whose values are sealed by the Cipher, each for its owner "TABLE/KEY…/COLUMN".
struct SealedColumn {
  const char* table;
  std::vector<const char*> key;  ///< the columns of the table's primary key
  const char* column;
  const char* label;  ///< SQL: what people call the row
  /// What a lost secret becomes. Null: NULL. "*": random text, so that a cookie which nobody has
  /// takes its place, and not the daemon's.
  const char* emptied;
  /// Column that says which rows are sealed: those of before are not. Null: all are.
  const char* flag = nullptr;
  /// A record that nobody needs to go on: it is not looked through at every start.
  bool is_history = false;
};

/// All of them. A new one gets its row here (a test compares with the schema).
std::span<const SealedColumn> sealed_columns();

/// One value.
struct SealedValue {
  const SealedColumn* column;
  std::vector<std::string> key;
  std::string label, value;
  std::string owner() const;
  /// Puts another one in its place, or NULL.
  Result<> replace(Connection& db, const std::string* sealed) const;
};

/// Every sealed value of the column, one at a time, while `visit` may replace it. A table or column
/// that this database does not have yet has none.
Result<> each_sealed(Connection& db, const SealedColumn& column,
                     const std::function<Result<>(const SealedValue&)>& visit);
/// Whether anything is sealed at all.
Result<bool> has_sealed(Connection& db);
/// Seals what is clear in columns with a flag: rows of before. Inside a transaction.
Result<> seal_clear(Connection& db, const Cipher& cipher);

}  // namespace muster::store
