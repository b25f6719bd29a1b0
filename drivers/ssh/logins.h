#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "base/slots.h"

namespace muster::drivers::ssh {

/// How many hosts begin to log in at once. A host that says nothing keeps its place for a moment
/// only and goes on without, so that a thousand mute hosts delay nobody for long; one that was mute
/// the last time waits in a queue of its own kind. Lives on SSH's thread.
class Logins {
 public:
  /// A moment is enough for an honest host beside 63 others: 25 ms of arithmetic each.
  explicit Logins(std::chrono::steady_clock::duration moment = std::chrono::seconds(2),
                  std::size_t usual = 64, std::size_t mute = 16)
      : moment_(moment), usual_(usual), mute_(mute) {}

  /// Given back after a moment, or when this ends.
  class Place {
   public:
    Place(asio::any_io_executor executor, std::chrono::steady_clock::duration moment,
          Slots::Held held)
        : timer_(std::make_unique<asio::steady_timer>(std::move(executor), moment)) {
      timer_->async_wait([held = std::move(held)](boost::system::error_code) {});
    }

   private:
    std::unique_ptr<asio::steady_timer> timer_;
  };

  asio::awaitable<Place> take(bool was_mute) {
    auto held = co_await (was_mute ? mute_ : usual_).take();
    auto executor = co_await asio::this_coro::executor;
    co_return Place(std::move(executor), moment_, std::move(held));
  }

 private:
  std::chrono::steady_clock::duration moment_;
  Slots usual_, mute_;
};

}  // namespace muster::drivers::ssh
