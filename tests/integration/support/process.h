#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// What to start. `env` is added to this process's environment; an empty value removes the
/// variable.
struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::filesystem::path cwd;
  std::filesystem::path output;  // stdout and stderr are appended here; /dev/null when empty
  bool with_input = false;       // a pipe to its stdin, written to by Process::write
};

/// A program started by a test, leader of its own process group.
/// The group is killed, and the program reaped, when this object or the test process ends.
class Process {
 public:
  using Limit = std::chrono::milliseconds;

  /// Throws std::runtime_error when the program cannot be executed.
  explicit Process(Command command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool is_running() { return !wait(Limit(0)).has_value(); }

  /// Exit code, or 128 + signal number; nothing when it still runs after `limit`.
  std::optional<int> wait(Limit limit);

  /// Everything it has printed so far.
  std::string output() const;

  /// Waits until it has printed `text`; false when it ended or the time is over without.
  bool wait_for_output(const std::string& text, Limit limit);

  void write(const std::string& text);
  void close_input();

  void signal(int number);        // the program alone
  void signal_group(int number);  // and everything it started that stayed in its group

 private:
  Command command_;
  pid_t pid_ = -1;
  int input_ = -1;
  std::optional<int> status_;
};

/// Runs a program to its end; throws with its output when it fails or takes longer than `limit`.
std::string run(std::vector<std::string> argv, Process::Limit limit = std::chrono::seconds(60));

}  // namespace muster::test
