#include "app/self_check.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/algorithm/string/join.hpp>

namespace muster::app {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t least_free = 2 << 20;  ///< below that the next commit or sample may fail
constexpr auto between_tries = 5s;

Result<std::string> check_disk(const std::filesystem::path& folder) {
  struct statvfs about {};
  if (::statvfs(folder.c_str(), &about) != 0)
    return Error(boost::system::error_code(errno, boost::system::system_category()),
                 "data directory");
  auto blocks = ::geteuid() == 0 ? about.f_bfree : about.f_bavail;
  return judge_disk(std::uint64_t{blocks} * about.f_frsize);
}

/// As the REST door calls who shows no token.
bool is_stranger(const ops::Caller& caller) {
  return caller.name == "anonymous";
}

}  // namespace

Result<std::string> judge_disk(std::uint64_t free_bytes) {
  if (free_bytes < least_free)
    return Error(Errc::unavailable, fmt::format("the disk of the data directory is full: {} bytes "
                                                "are free",
                                                free_bytes));
  return fmt::format("{} MiB are free", free_bytes >> 20);
}

SelfCheck::SelfCheck(std::filesystem::path data_dir, store::Database& database,
                     const dist::Node& node, const Clock& clock)
    : data_dir_(std::move(data_dir)),
      database_(database),
      node_(node),
      clock_(clock),
      started_(clock.now()) {}

std::vector<ops::Operation> SelfCheck::operations() {
  std::vector<ops::Operation> rows;
  ops::Row health_row{"muster",
                      "health",
                      {"GET", "/api/health"},
                      ops::Role::viewer,
                      "Whether disk, database and epmd are well; without a token only yes or no"};
  ops::Row ready_row{"muster",
                     "ready",
                     {"GET", "/api/ready"},
                     ops::Role::viewer,
                     "Whether what is asked now would be answered"};
  health_row.is_anonymous = ready_row.is_anonymous = true;
  health_row.subject.is_nobodys = ready_row.subject.is_nobodys = true;
  rows.push_back(ops::operation<ops::Empty, Health>(
      health_row, [this](ops::Empty, ops::Caller caller) { return health(std::move(caller)); }));
  rows.push_back(ops::operation<ops::Empty, Ready>(
      ready_row, [this](ops::Empty, ops::Caller caller) { return ready(std::move(caller)); }));
  return rows;
}

Task<> SelfCheck::check_database() {
  auto failures = database_.load().failures;
  if (failures == forgiven_) co_return Result<>();
  auto now = clock_.steady();
  auto failing = Error(Errc::unavailable, "the last commit to the database failed");
  if (tried_ && now - *tried_ < between_tries) co_return failing;
  tried_ = now;
  auto touch = [](store::Connection& db) {
    return db.execute("UPDATE migrations SET name = name WHERE number = 1");
  };
  auto written = co_await database_.write(touch);
  if (written) forgiven_ = failures;
  co_return written;
}

Task<Health> SelfCheck::health(ops::Caller caller) {
  auto disk = check_disk(data_dir_);
  auto database = co_await check_database();
  bool needs_epmd = node_.port() != 0;
  std::vector<std::string> wrong;
  if (!disk) wrong.push_back(disk.error().text());
  if (!database) wrong.push_back(database.error().text());
  if (needs_epmd && !node_.is_registered())
    wrong.push_back("epmd does not know us: nodes cannot find us by name");

  if (!wrong.empty())
    co_return Error(Errc::unavailable,
                    is_stranger(caller) ? "not ok" : boost::algorithm::join(wrong, "; "));
  Health health;
  health.status = "ok";
  if (is_stranger(caller)) co_return health;
  health.version = MUSTER_VERSION;
  health.started = started_;
  health.disk = *disk;
  health.database = "ok";
  health.epmd = needs_epmd ? "registered" : "not used";
  co_return health;
}

Task<Ready> SelfCheck::ready(ops::Caller caller) {
  auto read = [](store::Connection& db) { return db.execute("SELECT 1 FROM migrations LIMIT 1"); };
  auto database = co_await database_.read(read);
  if (database) database = co_await check_database();
  if (database) co_return Ready{"ok"};

  co_return Error(Errc::unavailable, is_stranger(caller) ? "not ready" : database.error().text());
}

}  // namespace muster::app
