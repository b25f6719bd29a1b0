#include "app/cookies.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/private_file.h"
#include "base/random.h"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest = 255;  // of an atom, which a cookie is

Error wrong(const fs::path& file, std::string_view what) {
  return Error(Errc::bad_request, fmt::format("the cookie file {} {}", file.string(), what));
}

bool is_there(const fs::path& file) {
  std::error_code ec;
  return fs::exists(file, ec);
}

Result<Secret> own_cookie(const fs::path& file) {
  if (is_there(file)) return read_cookie(file);
  constexpr std::size_t random = 20;
  auto made = random_hex(random);
  TRYV(write_private(file, made + "\n"));
  return Secret(std::move(made));
}

}  // namespace

Result<Secret> read_cookie(const fs::path& file) {
  auto read = read_private(file, 4096);
  if (!read && read.error().errc() == Errc::too_large)
    return wrong(file, "has more than 255 characters");
  if (!read) return std::move(read).error();
  auto& cookie = *read;
  for (auto end : {'\n', '\r'})
    if (!cookie.empty() && cookie.back() == end) cookie.pop_back();
  if (cookie.empty()) return wrong(file, "is empty");
  if (cookie.find('\n') != cookie.npos) return wrong(file, "has more than one line");
  for (unsigned char c : cookie)
    if (c <= ' ' || c >= 0x7f)
      return wrong(file, "has blanks, or characters that are not printable ASCII, in its line");
  if (cookie.size() > longest) return wrong(file, "has more than 255 characters");
  return Secret(std::move(cookie));
}

fs::path home_cookie_file() {
  auto* home = std::getenv("HOME");
  return fs::path(home && *home ? home : "/") / ".erlang.cookie";
}

Result<Cookies> find_cookies(const std::optional<fs::path>& given, const DataDir& data_dir) {
  Cookies cookies;
  auto home_file = home_cookie_file();
  auto file = data_dir.path() / "cookie";
  bool is_from_before = !given && !is_there(file) && data_dir.has_database() && is_there(home_file);
  if (is_from_before) {
    TRY(cookies.own, read_cookie(home_file));
    cookies.is_from_before = true;
    cookies.warning = fmt::format(
        "this data directory has no cookie of its own and goes on with {}: whoever can read that, "
        "any Erlang node of this user included, is admin here. To end that, stop the daemon, "
        "write a cookie of its own, (umask 077; openssl rand -hex 20 >{}), and start it again; "
        "shells come in with that one, and nodes are still dialled with {}",
        home_file.string(), file.string(), home_file.string());
    return cookies;
  }
  bool is_lost = !given && !is_there(file) && data_dir.has_database();
  if (given) {
    TRY(cookies.own, read_cookie(*given));
  } else {
    TRY(cookies.own, own_cookie(file));
  }
  if (is_lost)
    cookies.warning = fmt::format(
        "this data directory had no cookie, a new one is in {}: shells and nodes that came in with "
        "another one have to use it",
        file.string());
  if (!is_there(home_file)) return cookies;
  auto home = read_cookie(home_file);
  if (!home)
    cookies.warning =
        fmt::format("no node is dialled with {}: {}", home_file.string(), home.error().text());
  else if (!(*home == cookies.own))
    cookies.home = *std::move(home);
  return cookies;
}

Result<> check_cookie_is_not_lost(store::Connection& db, bool is_from_before, Timestamp now) {
  store::Statement known(db, "SELECT 1 FROM own_cookie");
  bool had_own = known.step();
  TRYV(known.result());
  if (had_own && is_from_before)
    return Error(
        Errc::bad_request,
        "the daemon's own cookie is lost: it had one, in `cookie` of the data directory or by "
        "--cookie-file, and now there is neither. ~/.erlang.cookie, which any Erlang node of this "
        "user knows, does not take its place. Put the file back, name one with --cookie-file, or "
        "write a new one, (umask 077; openssl rand -hex 20 >DATA/cookie), which shells have to use "
        "then");
  if (had_own || is_from_before) return {};
  store::Statement note(db, "INSERT INTO own_cookie (since) VALUES (?)");
  return note.bind(now).run();
}

}  // namespace muster::app
