#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "base/task_group.h"
#include "drivers/host.h"

namespace muster::drivers::ssh {

/// The one thread that all SSH connections live on: libssh2's arithmetic, and whatever a hostile
/// host makes it do, is not the loop's. Made and ended by Hosts, on the loop.
class SshThread {
 public:
  ~SshThread() { end(); }
  /// Nothing runs any more; what still waits there goes with this object.
  void end() {
    thread_.stop();
    thread_.join();
  }
  asio::any_io_executor executor() { return thread_.get_executor(); }

  /// Runs `task` over there and gives what it gave, here. A cancelled caller unwinds at once; the
  /// task is then cancelled over there.
  template <class T>
  Task<T> run(std::string doing, Task<T> task);

 private:
  template <class T>
  struct Call;

  asio::thread_pool thread_{1};
  TaskGroup calls_{thread_.get_executor()};  ///< used over there only
};

/// A Host of the SSH thread, for those who live on the loop.
class OffLoop final : public Host {
 public:
  OffLoop(SshThread& thread, std::shared_ptr<Host> host)
      : thread_(thread), host_(std::move(host)) {}

  const std::string& name() const override { return host_->name(); }
  Task<CommandResult> run(Command command) override;
  Task<> put(LocalFile file, std::string remote, Progress progress) override;
  asio::awaitable<void> close() override;

 private:
  SshThread& thread_;
  std::shared_ptr<Host> host_;
};

/// One call: `result` and `done` are the caller's, `cancel` and `is_given_up` the thread's.
template <class T>
struct SshThread::Call {
  asio::any_io_executor caller;
  asio::steady_timer done;
  std::optional<Result<T>> result;
  bool is_done = false;
  TaskGroup::Cancel cancel;
  bool is_given_up = false;

  explicit Call(asio::any_io_executor executor)
      : caller(executor), done(executor, asio::steady_timer::time_point::max()) {}

  static asio::awaitable<void> settle(std::shared_ptr<Call> call, Task<T> task) {
    struct Tell {  // however the task ends
      std::shared_ptr<Call> call;
      std::optional<Result<T>> result;
      ~Tell() {
        auto tell = [call = call, result = std::move(result)]() mutable {
          call->result = std::move(result);
          call->is_done = true;
          call->done.cancel();
        };
        asio::post(call->caller, std::move(tell));
      }
    } tell{call, std::nullopt};
    tell.result.emplace(co_await std::move(task));
  }
};

template <class T>
Task<T> SshThread::run(std::string doing, Task<T> task) {
  auto executor = co_await asio::this_coro::executor;
  auto call = std::make_shared<Call<T>>(std::move(executor));
  auto begin = [this, call, doing = std::move(doing), task = std::move(task)]() mutable {
    if (!call->is_given_up)
      call->cancel = calls_.spawn(std::move(doing), Call<T>::settle(call, std::move(task)));
  };
  asio::post(thread_, std::move(begin));
  struct GiveUp {
    SshThread& thread;
    std::shared_ptr<Call<T>> call;
    ~GiveUp() {
      if (call->is_done) return;
      asio::post(thread.thread_, [call = call] {
        call->is_given_up = true;
        if (call->cancel) call->cancel();
      });
    }
  } give_up{*this, call};
  auto state = co_await asio::this_coro::cancellation_state;
  while (!call->is_done) {
    auto [ec] = co_await call->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!call->is_done && state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(ec);
  }
  if (!call->result) co_return Error(Errc::unavailable, "the connection is being closed");
  co_return std::move(*call->result);
}

}  // namespace muster::drivers::ssh
