#include "drivers/local/local_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/offload.h"
#include "base/sha256.h"
#include "base/timeout.h"
#include "drivers/local/process.h"

namespace muster::drivers {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

/// The soft limit on open files that this process was started with. The daemon raises its own; a
/// BEAM that inherited that would size its tables for it.
const rlim_t started_with = [] {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}();

/// And the umask: the daemon's own is for its own files.
const mode_t started_with_umask = [] {
  auto mask = ::umask(077);
  ::umask(mask);
  return mask;
}();

std::string setup() {
  auto text = fmt::format("umask {:04o}", started_with_umask);
  if (started_with != RLIM_INFINITY) text += fmt::format("; ulimit -Sn {}", started_with);
  return text;
}

fs::path home_of_user() {
  for (const auto& variable : login_environment())
    if (variable.starts_with("HOME=")) return variable.substr(5);
  return "/";
}

Error file_error(const std::string& doing, int number) {
  if (number == ENOSPC || number == EDQUOT)
    return Error(Errc::quota, "the disk of this machine is full: " + doing);
  return Error(boost::system::error_code(number, boost::system::system_category()), doing);
}

constexpr std::uint64_t kPiece = 8 << 20;

/// Appends the next piece of `from`, where `to` ends. Returns how long `to` is then.
Result<std::uint64_t> append_piece(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  std::uint64_t at = fs::exists(to, ec) ? fs::file_size(to, ec) : 0;
  std::ifstream in(from, std::ios::binary);
  std::string bytes(kPiece, '\0');
  in.seekg(static_cast<std::streamoff>(at));
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto count = in.gcount();
  if (!in && !in.eof()) return file_error("read the file to be copied", errno);
  std::ofstream out(to, std::ios::binary | std::ios::app);
  if (!out.write(bytes.data(), count).flush())
    return file_error("copy to " + to.filename().string(), errno);
  return at + static_cast<std::uint64_t>(count);
}

bool is_there(const fs::path& path, const LocalFile& file) {
  std::error_code ec;
  if (fs::file_size(path, ec) != file.size || ec) return false;
  auto hash = sha256_of_file(path);
  return hash && *hash == file.sha256;
}

}  // namespace

LocalHost::LocalHost(asio::any_io_executor executor, asio::thread_pool& pool, fs::path home)
    : pool_(pool), home_(home.empty() ? home_of_user() : std::move(home)), reapers_(executor) {}

Task<CommandResult> LocalHost::run(Command command) {
  CO_TRY(auto shell, ShellRun::prepare(std::move(command), setup()));
  auto held = co_await slots_.take();
  co_return co_await follow(std::move(shell));
}

Task<CommandResult> LocalHost::follow(ShellRun shell) {
  std::error_code ec;
  fs::create_directories(home_, ec);
  CO_TRY(auto process, LocalProcess::start(reapers_, home_, shell.text()));
  const auto started = steady_clock::now();
  auto reading = [&process, &shell]() -> Task<> {
    for (;;) {
      auto bytes = co_await process.read();
      if (shell.feed(bytes)) process.release();
      if (bytes.empty()) co_return Result<>{};
    }
  };
  // The wrapper ends it at its limit; this is for a wrapper that was stopped.
  CO_TRYV(co_await with_timeout(reading(), shell.limit() + std::chrono::seconds(10),
                                "a command on this machine"));
  co_return shell.finish(
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started));
}

Task<> LocalHost::put(LocalFile file, std::string remote, Progress progress) {
  const auto path = home_ / remote;
  const fs::path part = path.string() + ".part";
  auto prepare = [&]() -> Result<bool> {
    std::error_code ec;
    fs::create_directories(path.parent_path(), ec);
    if (ec) return file_error("make the folder of " + remote, ec.value());
    if (is_there(path, file)) return true;
    if (fs::file_size(part, ec) > file.size && !ec) fs::remove(part, ec);
    // This user's alone, as in the daemon's own folder.
    const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const bool is_ours = fd >= 0 && ::fchmod(fd, 0600) == 0;
    const int failed = errno;
    if (fd >= 0) ::close(fd);
    if (!is_ours) return file_error("copy to " + part.filename().string(), failed);
    return false;
  };
  CO_TRY(const bool is_done, co_await offload(pool_, prepare));
  for (int attempt = 0; !is_done; ++attempt) {
    auto piece = [&] { return append_piece(file.path, part); };
    std::uint64_t done = 0, before = 0;
    do {
      before = done;
      CO_TRY(done, co_await offload(pool_, piece));
      if (progress) progress(done, file.size);
    } while (done < file.size && done != before);
    auto finish = [&]() -> Result<bool> {
      std::error_code ec;
      if (!is_there(part, file)) {
        fs::remove(part, ec);
        return false;
      }
      fs::rename(part, path, ec);
      if (ec) return file_error("rename " + remote, ec.value());
      return true;
    };
    CO_TRY(const bool is_good, co_await offload(pool_, finish));
    if (is_good) break;
    // A part left by something else: once more from its start.
    if (attempt > 0) co_return Error(Errc::internal, remote + " did not arrive as it was sent");
  }
  if (progress) progress(file.size, file.size);
  co_return Result<>{};
}

asio::awaitable<void> LocalHost::close() {
  co_return;
}

}  // namespace muster::drivers
