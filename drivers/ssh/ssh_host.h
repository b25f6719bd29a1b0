#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/places.h"
#include "base/resolver.h"
#include "base/slots.h"
#include "base/task_group.h"
#include "drivers/host.h"
#include "drivers/ssh/channel.h"
#include "drivers/ssh/login.h"

namespace muster::drivers::ssh {

/// A host by SSH: one connection, at most eight channels at a time, first come, first served (sshd
/// refuses the eleventh).
///
/// What talks to libssh2 is never cancelled in the middle: a command or an upload is a job owned by
/// this host, and who asked for it waits for its outcome. So a cancelled caller unwinds at once and
/// leaves the connection sound for the others.
///
/// The connection is made at the first use, three attempts with growing pauses, but one where the
/// host is silent (unavailable too); callers that waited for the same attempts, or for a channel
/// meanwhile, share their error. It is asked for a sign of life while something is
/// waited for: 30 s of silence end it. 60 s without use close it. `names` and `logins`, the
/// attempts under way, are shared by all hosts. Lives on SSH's thread.
class SshHost final : public Host, public std::enable_shared_from_this<SshHost> {
 public:
  SshHost(asio::any_io_executor executor, asio::thread_pool& pool, SshTarget target,
          Identity identity, KnownHosts& known, Resolver& names, Places& logins);

  const std::string& name() const override { return target_.host; }
  Task<CommandResult> run(Command command) override;
  Task<> put(LocalFile file, std::string remote, Progress progress) override;
  asio::awaitable<void> close() override;

 private:
  template <class T>
  struct Outcome;
  template <class T>
  Task<T> as_job(std::string doing, Task<T> work);

  using Asked = std::chrono::steady_clock::time_point;  // when a caller began to wait
  Task<std::shared_ptr<Session>> connected(Asked asked);
  Task<std::shared_ptr<Session>> connect();
  Task<std::shared_ptr<Session>> log_in_once();
  using Self = std::shared_ptr<SshHost>;  // a job keeps its host
  Task<CommandResult> run_job(Self self, ShellRun shell, Asked asked, Slots::Held slot);
  Task<> upload_job(Self self, Upload job, Asked asked, Slots::Held slot);
  Task<bool> put_once(LocalFile file, std::string remote, Progress progress);
  Task<> explain_full_disk(Error error, LocalFile file, std::string remote);

  asio::any_io_executor executor_;
  asio::thread_pool& pool_;
  SshTarget target_;
  Identity identity_;
  KnownHosts& known_;
  Resolver& names_;
  Places& logins_;
  bool was_mute_ = false;  // the last attempt to log in timed out
  Slots channels_{8}, connecting_{1}, uploads_{1};
  TaskGroup jobs_;
  std::shared_ptr<Session> session_;
  std::optional<Error> failure_;  // of the last attempts to connect
  std::chrono::steady_clock::time_point failed_at_;
};

}  // namespace muster::drivers::ssh
