#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task_group.h"

namespace muster::drivers {

/// One shell on this machine: evaluates `text`, leads a session of its own, and prints into a pipe
/// of ours. Made by start(), which does not block; lives on the loop's thread. Dropping it before
/// it has ended kills its process group.
class LocalProcess {
 public:
  /// `reapers` owns the coroutine that collects its status, so that no SIGCHLD handler is needed.
  static Result<LocalProcess> start(TaskGroup& reapers, const std::filesystem::path& directory,
                                    const std::string& text);
  LocalProcess(LocalProcess&&) noexcept;
  LocalProcess& operator=(LocalProcess&&) = delete;
  ~LocalProcess();

  /// More of its output; nothing at its end.
  asio::awaitable<std::string> read();
  /// It came to its end: what it left running stays.
  void release() { pid_ = 0; }

 private:
  LocalProcess(pid_t pid, asio::posix::stream_descriptor output)
      : pid_(pid), output_(std::move(output)) {}
  pid_t pid_;
  asio::posix::stream_descriptor output_;
};

/// What a login on this machine would have: commands get no variables of the daemon's own.
std::vector<std::string> login_environment();

}  // namespace muster::drivers
