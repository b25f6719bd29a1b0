#pragma once

#include <boost/asio/thread_pool.hpp>
#include <filesystem>

#include "base/slots.h"
#include "base/task_group.h"
#include "drivers/host.h"
#include "drivers/shell.h"

namespace muster::drivers {

/// This machine as a Host, without SSH, as the user that the daemon runs as. Commands get what a
/// login would give them (environment, limit on open files), not the daemon's own. Lives on the
/// loop's thread; files are copied and hashed on `pool`.
class LocalHost final : public Host {
 public:
  LocalHost(asio::any_io_executor executor, asio::thread_pool& pool, std::filesystem::path home);

  const std::string& name() const override { return name_; }
  Task<CommandResult> run(Command command) override;
  Task<> put(LocalFile file, std::string remote, Progress progress) override;
  /// Nothing to end: there is no connection.
  asio::awaitable<void> close() override;

 private:
  Task<CommandResult> follow(ShellRun shell);

  std::string name_ = "this machine";
  asio::thread_pool& pool_;
  std::filesystem::path home_;
  Slots slots_{8};  // as a host by SSH
  TaskGroup reapers_;
};

}  // namespace muster::drivers
