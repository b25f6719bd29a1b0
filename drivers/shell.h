#pragma once

#include <string>
#include <string_view>

#include "drivers/host.h"

namespace muster::drivers {

/// How a command travels to /bin/sh and its end back; the same for every host.
///
/// The text made by wrap() goes to a shell's stdin, so neither script nor variables are in any
/// process list. There, the command runs with its descriptors redirected to a file without a name
/// (nothing is left behind however this ends, and what it leaves running holds no channel open).
/// A second process ends the whole group at the limit, even when we are gone by then. At the end
/// the wrapper prints the file's last bytes between markers that nobody can guess; no last marker
/// means that the wrapper itself was killed.
class ShellRun {
 public:
  /// `setup` is shell text of the host's own that runs first. Errors: bad_request for a variable
  /// whose name is none, or a NUL.
  static Result<ShellRun> prepare(Command command, std::string setup = {});

  /// What the shell is to evaluate.
  const std::string& text() const { return text_; }
  std::chrono::seconds limit() const { return command_.limit; }

  /// Bytes that the shell printed. True when the last marker is among them.
  bool feed(std::string_view bytes);
  bool has_ended() const;

  /// How it ended, once the shell has closed its output. Errors: unavailable without a last marker
  /// (or without a first: no shell, or no space for the output).
  Result<CommandResult> finish(std::chrono::milliseconds duration) const;

 private:
  Command command_;
  std::string token_, text_, received_;
};

/// 'quoted' for sh.
std::string quote(std::string_view text);

}  // namespace muster::drivers
