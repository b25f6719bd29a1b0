#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "drivers/shell.h"
#include "drivers/ssh/session.h"

namespace muster::drivers::ssh {

/// Runs a prepared command in a channel of its own and gives how it ended. `is_sent` tells, also
/// after an error, whether the host may have begun with it.
Task<CommandResult> run_in_channel(std::shared_ptr<Session> session, ShellRun shell,
                                   std::shared_ptr<bool> is_sent);

/// A file on its way.
struct Upload {
  LocalFile file;
  std::string part;  ///< its name there until it is complete
  std::uint64_t from = 0;
  Progress progress;
  std::shared_ptr<const bool> is_wanted;  ///< false: stop, and do not call progress any more
};
/// Appends to `part`, which is `from` bytes long, the rest of the file, over SFTP with as much on
/// the way as the window takes. Errors: unavailable; quota when the host says that there is no
/// space; conflict when it refuses the file.
Task<> upload(std::shared_ptr<Session> session, asio::thread_pool& pool, Upload job);

}  // namespace muster::drivers::ssh
