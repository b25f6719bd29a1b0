#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <memory>
#include <utility>

#include "base/result.h"

namespace muster {

/// A fixed number of slots for work that must not run too often at once: dials, commands on a host,
/// uploads. First come, first served. Lives on one executor. A waiter that is cancelled leaves the
/// queue and unwinds.
class Slots {
  struct Waiter {
    asio::steady_timer turn;
    bool handed = false;
  };
  struct State {
    std::size_t free;
    std::list<Waiter*> queue;
    void give_back() {
      if (queue.empty()) {
        ++free;
        return;
      }
      auto* next = queue.front();
      queue.pop_front();
      next->handed = true;
      next->turn.cancel();
    }
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

  asio::awaitable<Held> take() {
    auto state = state_;
    if (state->free > 0) {
      --state->free;
      co_return Held(std::move(state));
    }
    auto executor = co_await asio::this_coro::executor;
    Waiter waiter{asio::steady_timer(executor, asio::steady_timer::time_point::max())};
    state->queue.push_back(&waiter);
    auto [ec] = co_await waiter.turn.async_wait(asio::as_tuple(asio::use_awaitable));
    if (waiter.handed) co_return Held(std::move(state));
    state->queue.remove(&waiter);
    throw boost::system::system_error(ec);
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace muster
