#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/round_robin.h"

namespace muster {

/// A fixed number of slots for work that must not run too often at once: commands on a host,
/// uploads, questions to the database. Where callers are named they have them in turn, one of each,
/// each caller's own in order of coming: however much one asks for, it queues behind itself, and
/// another waits for what is under way and for one turn of each other caller. Lives on one
/// executor. A waiter that is cancelled leaves the queue and unwinds, also where a slot was handed
/// to it in the same moment: it does not begin. What is held or waits may outlive the Slots.
class Slots {
  struct Waiter;
  struct State {
    std::size_t free;
    RoundRobin<Waiter*> waiting;
    void give_back() {
      auto next = waiting.pop();
      if (!next) {
        ++free;
        return;
      }
      (*next)->is_handed = true;
      (*next)->turn.cancel();
    }
  };
  /// However its coroutine ends, it is not in the queue any more, and a slot that was handed to it
  /// goes on to the next.
  struct Waiter {
    Waiter(std::shared_ptr<State> s, const std::string& caller,
           const asio::any_io_executor& executor)
        : state(std::move(s)),
          turn(executor, asio::steady_timer::time_point::max()),
          place(state->waiting.push(caller, this)) {}
    Waiter(const Waiter&) = delete;
    ~Waiter() {
      if (!state) return;
      if (is_handed)
        state->give_back();
      else
        state->waiting.remove(place);
    }

    std::shared_ptr<State> state;
    asio::steady_timer turn;
    RoundRobin<Waiter*>::Place place;  ///< until a slot is handed to it
    bool is_handed = false;
  };

 public:
  explicit Slots(std::size_t count) : state_(std::make_shared<State>(State{count, {}})) {}

  /// A slot held; giving it back is its destruction.
  class Held {
   public:
    explicit Held(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Held(Held&&) = default;
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (state_) state_->give_back();
    }

   private:
    std::shared_ptr<State> state_;
  };

  asio::awaitable<Held> take(std::string caller = {}) {
    auto state = state_;
    if (state->free > 0) {
      --state->free;
      co_return Held(std::move(state));
    }
    auto executor = co_await asio::this_coro::executor;
    Waiter waiter(std::move(state), caller, executor);
    co_await waiter.turn.async_wait(asio::as_tuple(asio::use_awaitable));
    asio::cancellation_state own = co_await asio::this_coro::cancellation_state;
    if (!waiter.is_handed || own.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    co_return Held(std::exchange(waiter.state, nullptr));
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace muster
