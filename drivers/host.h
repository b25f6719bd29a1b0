#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace muster::drivers {

/// Something to run on a host.
struct Command {
  std::string script;                      ///< POSIX sh
  std::map<std::string, std::string> env;  ///< variables of the script
  std::map<std::string, Secret> secrets;   ///< more of them; their values are blanked in the output
  std::vector<Secret> hidden;              ///< values that are blanked too, and no variables
  std::string directory;                   ///< absolute, or below the home; else the home
  std::chrono::seconds limit{60};          ///< then it and its process group are killed
  std::size_t output_limit = 64 * 1024;    ///< the last so many bytes are kept
};

/// The end of an output, whose last lines say why: at most `most` bytes of printable text.
std::string last_lines(std::string_view output, std::size_t most);

/// How a command ended.
struct CommandResult {
  enum class End { exited, signalled, timed_out };
  End end = End::exited;
  int code = 0;        ///< exit code, or the signal's number
  std::string output;  ///< stdout and stderr as they came, the last Command::output_limit bytes
  std::chrono::milliseconds duration{0};

  bool succeeded() const { return end == End::exited && code == 0; }
  /// "exit code 3", "killed by signal 9", "stopped at its limit after 60 s".
  std::string how() const;
};

/// A file of this machine that is to be on a host.
struct LocalFile {
  std::filesystem::path path;
  std::uint64_t size = 0;
  std::string sha256;  ///< lower-case hex
};
/// Called on the loop now and then with the bytes that are there.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// A machine on which commands run and files are placed: this one, or one reached by SSH.
///
/// Shared by everything that works on that machine. Lives on the loop's thread; nothing here blocks
/// it. A connection is made when first needed, kept while in use, made again when it was lost: an
/// `unavailable` error is worth another attempt, other errors say what somebody has to do.
/// A relative path lies below the home.
///
/// Being cancelled unwinds at once. What then happens to a running command: a local one is killed,
/// a remote one goes on until its limit (as it does when the daemon dies); it leaves nothing behind
/// in either case.
class Host {
 public:
  virtual ~Host() = default;

  /// "10.0.0.7", for messages.
  virtual const std::string& name() const = 0;

  /// Runs a command to its end. A command that fails is a CommandResult; an error is only what kept
  /// us from knowing: no connection, no answer, its shell killed. Commands queue fairly where a
  /// host takes only so many at a time; the limit counts from the start of the command.
  ///
  /// What the command leaves running does not keep it waiting; that must redirect its own output.
  /// Neither script nor variables can be seen in the host's process list.
  virtual Task<CommandResult> run(Command command) = 0;

  /// Places a file: under its name only when complete and verified. Nothing is sent when it is
  /// there already, and an interrupted one is continued (`<remote>.part`). Folders are made.
  /// One upload to one path at a time.
  virtual Task<> put(LocalFile file, std::string remote, Progress progress) = 0;

  /// Ends the connection, if any, and what runs over it; the next use makes it again.
  virtual asio::awaitable<void> close() = 0;

  /// As run(), but a command that fails is an error too, with the end of its output in the message.
  /// Gives the output.
  Task<std::string> expect(Command command, std::string doing);
};

}  // namespace muster::drivers
