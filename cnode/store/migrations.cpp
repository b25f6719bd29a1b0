#include "store/migrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace muster::store {

Result<> migrate(Connection& connection) {
  TRYV(
      connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name "
                         "TEXT NOT NULL) STRICT"));
  std::set<int> applied;
  Statement select(connection, "SELECT number, name FROM migrations ORDER BY number");
  while (select.step()) {
    auto number = static_cast<int>(select.integer(0));
    auto known = std::any_of(migrations().begin(), migrations().end(),
                             [&](const Migration& m) { return m.number == number; });
    if (!known)
      return Error(
          Errc::unsupported,
          fmt::format("this database was written by a newer Muster (migration {} {}): install "
                      "that version, or start with another --data-dir",
                      number, select.text(1)));
    applied.insert(number);
  }
  TRYV(select.result());
  for (auto& migration : migrations()) {
    if (applied.contains(migration.number)) continue;
    auto record =
        fmt::format("INSERT INTO migrations VALUES ({}, '{}')", migration.number, migration.name);
    auto applying =
        connection.execute("BEGIN;\n" + std::string(migration.sql) + ";\n" + record + ";\nCOMMIT");
    if (!applying) {
      (void)connection.execute("ROLLBACK");
      return std::move(applying).error().context(fmt::format("migration {:04}", migration.number));
    }
  }
  return {};
}

}  // namespace muster::store
