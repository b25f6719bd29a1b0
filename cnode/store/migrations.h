#pragma once

#include <span>
#include <string_view>

#include "store/connection.h"

namespace muster::store {

/// schemas/sql/NNNN_name.sql, built into the program, in order.
struct Migration {
  int number;
  std::string_view name, sql;
};
std::span<const Migration> migrations();

/// Brings the database to the newest schema: each missing migration in a transaction of its own,
/// recorded in the table `migrations`. Errors: unsupported where it has one that this program does
/// not know (a newer Muster wrote it).
Result<> migrate(Connection& connection);

}  // namespace muster::store
