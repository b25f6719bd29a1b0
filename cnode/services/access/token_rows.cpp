#include "services/access/token_rows.h"

#include <boost/algorithm/string/join.hpp>
#include <sstream>

namespace muster::access {

using store::Connection;
using store::Statement;

namespace {

std::string role_text(ops::Role role) {
  return ops::to_json(role).as_string().c_str();
}

ops::Role role_from(const std::string& text) {
  if (text == "admin") return ops::Role::admin;
  return text == "operator" ? ops::Role::operator_ : ops::Role::viewer;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<Timestamp> time_or_null(const Statement& s, int column) {
  if (s.is_null(column)) return std::nullopt;
  return s.time(column);
}

}  // namespace

Task<TokenRows::Tokens> TokenRows::all() {
  auto job = [](Connection& db) -> Result<Tokens> {
    Tokens rows;
    Statement s(db,
                "SELECT hash, name, role, created_at, expires_at, families, last_used_at"
                " FROM tokens");
    while (s.step()) {
      TokenView row;
      row.name = s.text(1);
      row.role = role_from(s.text(2));
      row.created_at = s.time(3);
      row.expires_at = time_or_null(s, 4);
      row.families = words_of(s.text(5));
      row.last_used_at = time_or_null(s, 6);
      rows[s.blob(0)] = std::move(row);
    }
    TRYV(s.result());
    return rows;
  };
  co_return co_await database_.read(job);
}

Task<> TokenRows::insert(std::string hash, TokenView token) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db,
                "INSERT INTO tokens (name, hash, role, created_at, expires_at, families)"
                " VALUES (?, ?, ?, ?, ?, ?)");
    s.bind(token.name).bind_blob(hash).bind(role_text(token.role)).bind(token.created_at);
    return s.bind(token.expires_at).bind(boost::algorithm::join(token.families, " ")).run();
  };
  co_return co_await database_.write(job);
}

Task<bool> TokenRows::remove(std::string name) {
  auto job = [&](Connection& db) -> Result<bool> {
    Statement s(db, "DELETE FROM tokens WHERE name = ?");
    TRYV(s.bind(name).run());
    return db.changes() > 0;
  };
  co_return co_await database_.write(job);
}

Task<> TokenRows::note_use(std::map<std::string, Timestamp> times) {
  auto job = [&](Connection& db) -> Result<> {
    for (auto& [name, time] : times) {
      Statement s(db, "UPDATE tokens SET last_used_at = ? WHERE name = ?");
      TRYV(s.bind(time).bind(name).run());
    }
    return {};
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::access
