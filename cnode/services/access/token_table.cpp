#include "services/access/token_table.h"

#include "base/random.h"

namespace muster::access {
namespace {

std::string role_text(ops::Role role) {
  return ops::to_json(role).as_string().c_str();
}

ops::Role role_from(const std::string& text) {
  if (text == "admin") return ops::Role::admin;
  return text == "operator" ? ops::Role::operator_ : ops::Role::viewer;
}

}  // namespace

Task<> TokenTable::start() {
  using Rows = std::map<std::string, TokenView>;
  auto job = [](store::Connection& db) -> Result<Rows> {
    Rows rows;
    store::Statement s(db, "SELECT hash, name, role, created_at FROM tokens");
    while (s.step()) rows[s.blob(0)] = TokenView{s.text(1), role_from(s.text(2)), s.time(3)};
    TRYV(s.result());
    return rows;
  };
  CO_TRY(by_hash_, co_await database_.read(job));
  co_return Result<>();
}

std::optional<ops::Caller> TokenTable::find(std::string_view token) const {
  if (auto admin = admin_.find(token)) return admin;
  auto at = by_hash_.find(sha256_of(token));
  if (at == by_hash_.end()) return std::nullopt;
  return ops::Caller{"token:" + at->second.name, at->second.role, {}, {}};
}

Task<NewToken> TokenTable::add(AddToken request, ops::Caller) {
  constexpr std::size_t longest = 100;
  if (request.name.empty() || request.name.size() > longest || request.name == "admin")
    co_return Error(Errc::bad_request, "wanted a name of 1 to 100 bytes other than admin", "/name");
  if (request.role == ops::Role::none)
    co_return Error(Errc::bad_request, "must be viewer, operator or admin", "/role");
  if (by_hash_.size() >= bound)
    co_return Error(Errc::quota, fmt::format("there are {} tokens", by_hash_.size()));
  constexpr std::size_t token_bytes = 32;
  NewToken made{request.name, request.role, random_hex(token_bytes)};
  auto hash = sha256_of(made.token);
  TokenView view{request.name, request.role, clock_.now()};
  auto job = [hash, view](store::Connection& db) -> Result<> {
    store::Statement s(db, "INSERT INTO tokens (name, hash, role, created_at) VALUES (?, ?, ?, ?)");
    s.bind(view.name).bind_blob(hash).bind(role_text(view.role)).bind(view.created_at);
    return s.run();
  };
  auto written = co_await database_.write(job);
  if (!written && written.error().errc() == Errc::conflict)
    co_return Error(Errc::conflict, fmt::format("there is a token '{}'", request.name));
  CO_TRYV(std::move(written));
  by_hash_[hash] = std::move(view);
  co_return made;
}

Task<std::vector<TokenView>> TokenTable::list(ops::Empty, ops::Caller) {
  std::vector<TokenView> all;
  for (auto& [hash, view] : by_hash_) all.push_back(view);
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.name < b.name; });
  co_return all;
}

bool TokenTable::forget(const std::string& name) {
  auto count = std::erase_if(by_hash_, [&](auto& each) { return each.second.name == name; });
  told_("token:" + name);
  return count > 0;
}

Task<ops::Empty> TokenTable::remove(TokenByName request, ops::Caller) {
  // It opens nothing any more, whatever becomes of the row now.
  bool was_there = forget(request.name);
  auto job = [name = request.name](store::Connection& db) -> Result<bool> {
    store::Statement s(db, "DELETE FROM tokens WHERE name = ?");
    TRYV(s.bind(name).run());
    return db.changes() > 0;
  };
  CO_TRY(auto had_row, co_await database_.write(job));
  bool was_made_meanwhile = forget(request.name);
  if (!was_there && !had_row && !was_made_meanwhile)
    co_return Error(Errc::not_found, fmt::format("no token '{}'", request.name));
  co_return ops::Empty{};
}

std::vector<ops::Operation> TokenTable::operations() {
  std::vector<ops::Operation> rows;
  auto add_row = [&](std::string name, ops::Http http, std::string doc, auto handler) {
    ops::Row row{"muster", std::move(name), std::move(http), ops::Role::admin, std::move(doc)};
    rows.push_back(ops::operation(std::move(row), *this, handler));
  };
  add_row("add_token", {"POST", "/api/tokens", {}, 201},
          "Makes a token for the REST interface; it is shown this once", &TokenTable::add);
  add_row("list_tokens", {"GET", "/api/tokens"}, "The tokens that were added", &TokenTable::list);
  add_row("remove_token", {"DELETE", "/api/tokens/:name"},
          "Ends a token, and the WebSockets that it opened", &TokenTable::remove);
  return rows;
}

}  // namespace muster::access
