#include "store/sealed.h"

#include <fmt/format.h>

namespace muster::store {
namespace {

std::string joined(const std::vector<const char*>& names, std::string_view between) {
  return fmt::format("{}", fmt::join(names, between));
}

std::string key_condition(const SealedColumn& column) {
  return joined(column.key, " = ? AND ") + " = ?";
}

Result<bool> exists(Connection& db, const SealedColumn& column) {
  auto* needed = column.flag ? column.flag : column.column;
  Statement s(db, "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?");
  s.bind(column.table).bind(needed);
  bool is_there = s.step() && s.integer(0) > 0;
  TRYV(s.result());
  return is_there;
}

/// Rows whose value is sealed, or (with a flag) still clear.
std::string condition(const SealedColumn& column, bool is_sealed) {
  auto text = fmt::format("{} IS NOT NULL", column.column);
  if (column.flag) text += fmt::format(" AND {} = {:d}", column.flag, is_sealed);
  return text;
}

Result<> each(Connection& db, const SealedColumn& column, bool is_sealed,
              const std::function<Result<>(const SealedValue&)>& visit) {
  TRY(bool is_there, exists(db, column));
  if (!is_there) return {};
  std::vector<std::vector<std::string>> keys;
  Statement all(db, fmt::format("SELECT {} FROM {} WHERE {}", joined(column.key, ", "),
                                column.table, condition(column, is_sealed)));
  while (all.step()) {
    auto& key = keys.emplace_back();
    for (std::size_t i = 0; i < column.key.size(); ++i)
      key.push_back(all.text(static_cast<int>(i)));
  }
  TRYV(all.result());
  Statement one(db, fmt::format("SELECT {}, {} FROM {} WHERE {}", column.column, column.label,
                                column.table, key_condition(column)));
  for (auto& key : keys) {
    one.reset();
    for (auto& part : key) one.bind(part);
    if (!one.step()) continue;
    SealedValue value{&column, key, one.text(1), one.blob(0)};
    TRYV(visit(value));
  }
  return one.result();
}

}  // namespace

std::span<const SealedColumn> sealed_columns() {
  constexpr auto no_text = "", no_object = "{}", random = "*";
  constexpr auto no_environment = R"({"env":{},"variables":{}})";
  constexpr auto empty_list = "\x83\x6a";  // as external terms have it
  static const SealedColumn all[] = {
      {"nodes", {"id"}, "cookie", "name", random},
      {"providers", {"id"}, "options", "name", no_object},
      {"releases", {"id"}, "cookie", "name", nullptr},
      {"family_deployments",
       {"family_id"},
       "cookie",
       "(SELECT name FROM node_families WHERE id = family_id)",
       random},
      {"family_deployments",
       {"family_id"},
       "environment",
       "(SELECT name FROM node_families WHERE id = family_id)",
       no_environment},
      {"deployed_nodes", {"id"}, "cookie", "name", random},
      {"alarm_webhooks", {"id"}, "secret", "id", no_text},
      {"command_runs", {"id"}, "arguments", "id", empty_list, "sealed", true},
      {"command_results", {"run_id", "node_id"}, "value", "node_name", nullptr, "sealed", true},
  };
  return all;
}

std::string SealedValue::owner() const {
  return fmt::format("{}/{}/{}", column->table, fmt::join(key, "/"), column->column);
}

Result<> SealedValue::replace(Connection& db, const std::string* sealed) const {
  auto flag = column->flag ? fmt::format(", {} = 1", column->flag) : "";
  Statement s(db, fmt::format("UPDATE {} SET {} = ?{} WHERE {}", column->table, column->column,
                              flag, key_condition(*column)));
  if (sealed)
    s.bind_blob(*sealed);
  else
    s.bind(std::nullopt);
  for (auto& part : key) s.bind(part);
  return s.run();
}

Result<> each_sealed(Connection& db, const SealedColumn& column,
                     const std::function<Result<>(const SealedValue&)>& visit) {
  return each(db, column, true, visit);
}

Result<bool> has_sealed(Connection& db) {
  for (auto& column : sealed_columns()) {
    TRY(bool is_there, exists(db, column));
    if (!is_there) continue;
    Statement s(db, fmt::format("SELECT 1 FROM {} WHERE {} LIMIT 1", column.table,
                                condition(column, true)));
    if (s.step()) return true;
    TRYV(s.result());
  }
  return false;
}

Result<> seal_clear(Connection& db, const Cipher& cipher) {
  for (auto& column : sealed_columns()) {
    if (!column.flag) continue;
    auto seal = [&](const SealedValue& clear) {
      auto sealed = cipher.seal(Secret(clear.value), clear.owner());
      return clear.replace(db, &sealed);
    };
    TRYV(each(db, column, false, seal));
  }
  return {};
}

}  // namespace muster::store
