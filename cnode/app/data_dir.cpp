#include "app/data_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace muster::app {
namespace {

namespace fs = std::filesystem;

Error system_error(const fs::path& folder, int number) {
  return Error(boost::system::error_code(number, boost::system::system_category()),
               "data directory " + folder.string());
}

Error refused(const fs::path& folder, std::string why) {
  return Error(Errc::bad_request, fmt::format("data directory {}: {}", folder.string(), why));
}

std::string name_of_user(uid_t user) {
  auto* entry = ::getpwuid(user);
  return entry ? entry->pw_name : std::to_string(user);
}

/// What lies in a data directory, or in a new file system.
bool is_known(std::string name) {
  constexpr std::array known{
      "lock",          "cookie",        "secret.key",     "muster.db", "muster.db-wal",
      "muster.db-shm", "api.token",     "api.url",        "ssh",       "releases",
      "metrics",       "notifications", "sidecar.cookie", "lost+found"};
  for (std::string_view beside : {".new", ".next"})
    if (name.ends_with(beside)) name.resize(name.size() - beside.size());
  return std::find(known.begin(), known.end(), name) != known.end();
}

/// A folder with a database of ours, or with nothing that is not ours.
Result<> check_contents(const fs::path& folder) {
  std::error_code ec;
  if (fs::is_regular_file(folder / "muster.db", ec)) return {};
  fs::directory_iterator entries(folder, ec);
  for (; !ec && entries != fs::directory_iterator(); entries.increment(ec))
    if (auto name = entries->path().filename().string(); !is_known(name))
      return refused(folder, fmt::format("it is no data directory and not empty ('{}' is in it): "
                                         "name an empty or a new folder",
                                         name));
  if (ec) return system_error(folder, ec.value());
  return {};
}

Result<> check_folder(const fs::path& folder, const struct stat& about) {
  if (!S_ISDIR(about.st_mode)) return refused(folder, "that is no folder");
  if (about.st_uid != ::geteuid())
    return refused(folder, fmt::format("it belongs to user {}, this is {}: run as that user, or "
                                       "name a folder of your own",
                                       name_of_user(about.st_uid), name_of_user(::geteuid())));
  TRYV(check_contents(folder));
  if (about.st_mode & (S_IRWXG | S_IRWXO))
    return refused(folder, fmt::format("others can enter it (mode {:04o}): chmod 700 it, if it is "
                                       "Muster's alone",
                                       about.st_mode & 07777u));
  return {};
}

/// Parents as well, as deep as they are missing.
Result<> make(const fs::path& folder) {
  std::error_code ec;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ec);
  if (!ec && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    ec.assign(errno, std::system_category());
  if (ec) return system_error(folder, ec.value());
  return {};
}

}  // namespace

Result<DataDir> DataDir::open(fs::path path) {
  struct stat about {};
  if (!path.has_filename()) path = path.parent_path();  // "data/"
  if (::stat(path.c_str(), &about) != 0) {
    if (errno != ENOENT) return system_error(path, errno);
    TRYV(make(path));
  }
  return open_existing(std::move(path));
}

Result<DataDir> DataDir::open_existing(fs::path path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return system_error(path, errno);
  TRYV(check_folder(path, about));
  auto file = path / "lock";
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_error(path, errno);
  DataDir taken(std::move(path), fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char text[32] = "";
    auto size = ::pread(fd, text, sizeof text - 1, 0);
    std::string holder(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    if (holder.empty()) holder = "(unknown)";
    return Error(Errc::conflict, fmt::format("data directory {} is in use by process {}: one "
                                             "daemon works in it at a time",
                                             taken.path().string(), holder));
  }
  // For the message above only: on a full disk the lock holds as well.
  auto line = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, line.data(), line.size(), 0);
  return taken;
}

DataDir::DataDir(DataDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataDir::~DataDir() {
  if (lock_ >= 0) ::close(lock_);
}

bool DataDir::has_database() const {
  std::error_code ec;
  return fs::exists(path_ / "muster.db", ec);
}

}  // namespace muster::app
