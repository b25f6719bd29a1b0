#include "drivers/local/process.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>

namespace muster::drivers {
namespace {

Error system_error(std::string doing) {
  return Error(boost::system::error_code(errno, boost::system::system_category()),
               std::move(doing));
}

/// A descriptor that closes itself.
struct Descriptor {
  int number = -1;
  Descriptor() = default;
  explicit Descriptor(int fd) : number(fd) {}
  Descriptor(Descriptor&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

/// A file without a name that reads as `bytes`: unlike a pipe it takes them all at once.
Result<Descriptor> as_file(const std::string& bytes) {
  Descriptor file(::memfd_create("muster", MFD_CLOEXEC));
  if (file.number < 0) return system_error("make a command's input");
  for (std::size_t at = 0; at < bytes.size();) {
    const auto count = ::write(file.number, bytes.data() + at, bytes.size() - at);
    if (count < 0) return system_error("make a command's input");
    at += static_cast<std::size_t>(count);
  }
  ::lseek(file.number, 0, SEEK_SET);
  return file;
}

asio::awaitable<void> reap(int pidfd) {
  asio::posix::stream_descriptor process(co_await asio::this_coro::executor, pidfd);
  co_await process.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
}

}  // namespace

std::vector<std::string> login_environment() {
  std::vector<std::string> environment;
  auto keep = [&environment](const char* name, std::string otherwise = {}) {
    const char* value = std::getenv(name);
    const std::string text = value != nullptr ? value : otherwise;
    if (!text.empty()) environment.push_back(std::string(name) + "=" + text);
  };
  const passwd* user = ::getpwuid(::geteuid());
  const std::string name = user != nullptr ? user->pw_name : "";
  keep("HOME", user != nullptr ? user->pw_dir : "/");
  keep("USER", name);
  keep("LOGNAME", name);
  keep("SHELL", "/bin/sh");
  keep("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
  for (const char* variable :
       {"LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
        // Nodes of this machine register where the daemon looks for them.
        "ERL_EPMD_PORT", "ERL_EPMD_ADDRESS"})
    keep(variable);
  return environment;
}

Result<LocalProcess> LocalProcess::start(TaskGroup& reapers, const std::filesystem::path& directory,
                                         const std::string& text) {
  TRY(auto script, as_file(text));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a command's output");
  Descriptor ours(ends[0]), theirs(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  ::posix_spawn_file_actions_adddup2(&actions, script.number, 0);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.number, 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  auto variables = login_environment();
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::array<std::string, 3> words{"/bin/sh", "-c", "eval \"$(cat)\""};
  std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t pid = 0;
  errno = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  const int failed = errno;
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  errno = failed;
  if (failed != 0) return system_error("start a shell");

  if (const auto pidfd = ::syscall(SYS_pidfd_open, pid, 0); pidfd >= 0)
    reapers.spawn("reap a command of this machine", reap(static_cast<int>(pidfd)));
  return LocalProcess(
      pid, asio::posix::stream_descriptor(reapers.executor(), std::exchange(ours.number, -1)));
}

LocalProcess::LocalProcess(LocalProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), output_(std::move(other.output_)) {}

LocalProcess::~LocalProcess() {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

asio::awaitable<std::string> LocalProcess::read() {
  std::string bytes(16 * 1024, '\0');
  auto [ec, count] =
      co_await output_.async_read_some(asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
  bytes.resize(ec ? 0 : count);
  co_return bytes;
}

}  // namespace muster::drivers
