#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "base/slots.h"

namespace muster {

/// How many strangers are begun with at once: nodes dialled, hosts logged in on. Who says nothing
/// keeps its place for a moment only and goes on without, so that a thousand mute ones delay nobody
/// for long; one that was mute the last time waits in a queue of its own kind. Lives on one
/// executor.
class Places {
 public:
  struct Settings {
    std::chrono::steady_clock::duration moment;  ///< enough for an honest one beside all others
    std::size_t usual, mute;                     ///< so many at once
  };
  explicit Places(Settings settings)
      : moment_(settings.moment), usual_(settings.usual), mute_(settings.mute) {}

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

}  // namespace muster
