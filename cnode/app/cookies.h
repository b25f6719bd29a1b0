#pragma once

#include <filesystem>
#include <optional>

#include "app/data_dir.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "store/connection.h"

namespace muster::app {

/// The cookie in a file: one line of 1 to 255 printable characters without blanks; its end of line
/// does not count. Errors: those of read_private(), and bad_request saying what is wrong with it.
Result<Secret> read_cookie(const std::filesystem::path& file);

/// ~/.erlang.cookie, which any node of this user shares.
std::filesystem::path home_cookie_file();

struct Cookies {
  Secret own;                   ///< the daemon's: who proves to know it is admin
  std::optional<Secret> home;   ///< ~/.erlang.cookie, where there is one and it is another
  std::string warning;          ///< to be said at start; often empty
  bool is_from_before = false;  ///< `own` is ~/.erlang.cookie, as no other was found
};

/// The daemon's own cookie: in the file given, else in `cookie` of the data directory, where one is
/// made at the first start. A data directory that is older than such cookies, which has a database
/// and no cookie, goes on with ~/.erlang.cookie, as it did, and with a warning. Errors: those of
/// the file that holds the own cookie; a home cookie that cannot be read is only a warning.
/// A new one in a directory with a database is told in the warning.
Result<Cookies> find_cookies(const std::optional<std::filesystem::path>& given,
                             const DataDir& data_dir);

/// The database remembers that the daemon has a cookie of its own, be it given. Error: bad_request,
/// where it had one and is to go on with ~/.erlang.cookie, which more people know.
Result<> check_cookie_is_not_lost(store::Connection& db, bool is_from_before, Timestamp now);

}  // namespace muster::app
