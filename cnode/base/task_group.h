#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace muster {

namespace asio = boost::asio;

/// Owns coroutines that run beside their maker: the only place that spawns them.
/// Lives on the executor given; every member is called there. A coroutine that ends by an exception
/// is logged with its name (being cancelled is a normal end). cancel() asks all to unwind; join()
/// waits until they have. The maker keeps what its coroutines refer to alive until join() is done,
/// or until the io_context is gone.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Cancels one coroutine; does nothing once it has ended.
  using Cancel = std::function<void()>;
  Cancel spawn(std::string name, asio::awaitable<void> coroutine);
  void cancel();
  /// Ends when no coroutine is left.
  asio::awaitable<void> join();
  std::size_t size() const { return state_->running.size(); }
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  using Signal = asio::cancellation_signal;
  struct State {
    std::list<std::shared_ptr<Signal>> running;
    asio::steady_timer drained;
    explicit State(const asio::any_io_executor& executor)
        : drained(executor, asio::steady_timer::time_point::max()) {}
  };
  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;
};

}  // namespace muster
