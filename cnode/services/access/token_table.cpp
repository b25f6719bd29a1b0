#include "services/access/token_table.h"

#include <algorithm>

#include "base/clean_text.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "ops/rows.h"

namespace muster::access {
namespace {

using namespace std::chrono_literals;

constexpr auto use_interval = 60s;

Result<> check_name(const std::string& name) {
  constexpr std::size_t longest = 100;
  bool is_sound = !name.empty() && name.size() <= longest && is_printable(name) &&
                  name.front() != ' ' && name.back() != ' ';
  if (!is_sound)
    return Error(Errc::bad_request,
                 "must be 1 to 100 bytes of printable text, without blanks at its ends", "/name");
  if (name == "admin")
    return Error(Errc::bad_request, "must not be admin: that is the token in api.token", "/name");
  return {};
}

}  // namespace

Task<> TokenTable::start() {
  CO_TRY(by_hash_, co_await rows_.all());
  running_.spawn("tokens", run_upkeep());
  co_return Result<>();
}

asio::awaitable<void> TokenTable::stop() {
  running_.cancel();
  co_await running_.join();
  if (auto written = co_await write_use(); !written)
    log::warn("tokens: when they were last used is not written: {}", written.error().text());
}

bool TokenTable::is_expired(const TokenView& token) const {
  return token.expires_at && clock_.now() >= *token.expires_at;
}

Result<ops::Caller> TokenTable::find(std::string_view token) const {
  if (auto admin = admin_.find(token)) return *std::move(admin);
  auto at = by_hash_.find(sha256_of(token));
  if (at == by_hash_.end()) return Error(Errc::unauthorized, "this token is not known");
  auto& row = at->second;
  if (is_expired(row))
    return Error(Errc::unauthorized, fmt::format("the token '{}' has expired", row.name));
  auto now = clock_.now();
  if (!row.last_used_at || now - *row.last_used_at >= use_interval || now < *row.last_used_at) {
    row.last_used_at = now;
    used_.insert(row.name);
  }
  ops::Caller caller{"token:" + row.name, row.role, {}, {}};
  caller.families = row.families;
  return caller;
}

std::optional<std::string> TokenTable::find_expired(std::string_view token) const {
  auto at = by_hash_.find(sha256_of(token));
  if (at == by_hash_.end() || !is_expired(at->second)) return std::nullopt;
  return "token:" + at->second.name;
}

/// The WebSockets of a token end when it expires, within a second.
asio::awaitable<void> TokenTable::run_upkeep() {
  for (;;) {
    co_await pause(1s);
    tell_expired();
    if (auto written = co_await write_use(); !written)
      log::warn("tokens: {}", written.error().text());
  }
}

void TokenTable::tell_expired() {
  for (auto& [hash, row] : by_hash_)
    if (is_expired(row) && told_expired_.insert(row.name).second) told_("token:" + row.name);
}

Task<> TokenTable::write_use() {
  if (used_.empty()) co_return Result<>();
  std::map<std::string, Timestamp> times;
  for (auto& [hash, row] : by_hash_)
    if (used_.contains(row.name) && row.last_used_at) times[row.name] = *row.last_used_at;
  used_.clear();
  co_return co_await rows_.note_use(std::move(times));
}

Result<TokenView> TokenTable::check(const AddToken& request) const {
  TRYV(check_name(request.name));
  TokenView token;
  token.name = request.name;
  token.role = static_cast<ops::Role>(request.role);
  token.created_at = clock_.now();
  if (request.expires_at && request.expires_in)
    return Error(Errc::bad_request, "give expires_at or expires_in, not both", "/expires_in");
  token.expires_at = request.expires_at;
  if (request.expires_in)
    token.expires_at = clock_.now() + std::chrono::seconds(*request.expires_in);
  if (is_expired(token))
    return Error(Errc::bad_request, "must be in the future",
                 request.expires_at ? "/expires_at" : "/expires_in");
  if (request.families.size() > most_families)
    return Error(Errc::bad_request, fmt::format("at most {} families", most_families), "/families");
  for (std::size_t i = 0; i < request.families.size(); ++i) {
    auto ids = find_families_(request.families[i]);
    if (ids.empty())
      return Error(Errc::not_found, fmt::format("no node family '{}'", request.families[i]),
                   fmt::format("/families/{}", i));
    token.families.insert(token.families.end(), ids.begin(), ids.end());
  }
  return token;
}

Task<NewToken> TokenTable::add(AddToken request, ops::Caller) {
  CO_TRY(auto token, check(request));
  if (by_hash_.size() + being_added_ >= bound)
    co_return Error(Errc::quota, fmt::format("at most {} tokens", bound));
  constexpr std::size_t token_bytes = 32;
  NewToken made{token.name, token.role, random_hex(token_bytes), token.expires_at, token.families};
  auto hash = sha256_of(made.token);
  struct Place {
    std::size_t& taken;
    explicit Place(std::size_t& count) : taken(count) { ++taken; }
    ~Place() { --taken; }
  } place(being_added_);
  auto written = co_await rows_.insert(hash, token);
  if (!written && written.error().errc() == Errc::conflict)
    co_return Error(Errc::conflict, fmt::format("there is a token '{}'", request.name));
  CO_TRYV(std::move(written));
  told_expired_.erase(token.name);
  by_hash_[hash] = std::move(token);
  co_return made;
}

Task<std::vector<TokenView>> TokenTable::list(ops::Empty, ops::Caller) {
  std::vector<TokenView> all;
  for (auto& [hash, view] : by_hash_) {
    all.push_back(view);
    all.back().is_expired = is_expired(view);
  }
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.name < b.name; });
  co_return all;
}

bool TokenTable::forget(const std::string& name) {
  auto count = std::erase_if(by_hash_, [&](auto& each) { return each.second.name == name; });
  told_expired_.erase(name);
  told_("token:" + name);
  return count > 0;
}

Task<ops::Empty> TokenTable::remove(TokenByName request, ops::Caller) {
  // It opens nothing any more, whatever becomes of the row now.
  bool was_there = forget(request.name);
  CO_TRY(auto had_row, co_await rows_.remove(request.name));
  bool was_made_meanwhile = forget(request.name);
  if (!was_there && !had_row && !was_made_meanwhile)
    co_return Error(Errc::not_found, fmt::format("no token '{}'", request.name));
  co_return ops::Empty{};
}

std::vector<ops::Operation> TokenTable::operations() {
  ops::Rows rows("muster", *this);
  rows.add("add_token", {"POST", "/api/tokens", {}, 201}, ops::Role::admin,
           "Makes a token for the REST interface; it is shown this once", &TokenTable::add);
  rows.add("list_tokens", {"GET", "/api/tokens"}, ops::Role::admin,
           "The tokens that were added, when they expire and when they were last used",
           &TokenTable::list);
  rows.add("remove_token", {"DELETE", "/api/tokens/:name"}, ops::Role::admin,
           "Ends a token, and the WebSockets that it opened", &TokenTable::remove);
  return rows.take();
}

}  // namespace muster::access
