#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace muster {

namespace asio = boost::asio;

/// A count that goes on steadily and costs a few nanoseconds to read; `ticks_to_look` of it are a
/// millisecond or less. For asking "may this be long?" before a clock is asked.
inline std::uint64_t ticks() {
#ifdef __x86_64__
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}
constexpr std::uint64_t ticks_to_look = 1'000'000;

/// What a handler of the loop may take before it lets others have their turn. Belongs beside every
/// loop over what somebody else sent; asking is cheap enough to do it for each message.
/// In a coroutine: `if (turn.is_over()) co_await next_turn(turn);`
class Turn {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto most = std::chrono::milliseconds(5);

  explicit Turn(Clock::time_point began = Clock::now(), Clock::duration limit = most)
      : ticks_(ticks()), began_(began), limit_(limit) {}

  bool is_over() const { return ticks() - ticks_ >= ticks_to_look && is_over_at(Clock::now()); }
  bool is_over_at(Clock::time_point now) const { return now - began_ >= limit_; }

 private:
  std::uint64_t ticks_;
  Clock::time_point began_;
  Clock::duration limit_;
};

/// Goes on when the others that are ready have had their turn.
inline asio::awaitable<void> next_turn(Turn& turn) {
  auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  turn = Turn();
}

}  // namespace muster
