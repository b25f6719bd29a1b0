#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>

#include "base/result.h"

namespace muster {

/// Runs `task` for at most `limit`; past that it is cancelled (its destructors run first) and the
/// Result is a timeout that says what was being done. Being cancelled from outside unwinds as
/// always.
template <class T>
Task<T> with_timeout(Task<T> task, std::chrono::steady_clock::duration limit, std::string doing) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  try {
    auto first = co_await (std::move(task) || timer.async_wait(asio::use_awaitable));
    if (first.index() == 0) co_return std::get<0>(std::move(first));
  } catch (const asio::multiple_exceptions& both) {
    std::rethrow_exception(both.first_exception());  // cancelled from outside
  }
  auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  co_return Error(Errc::timeout,
                  doing + ": no answer within " + std::to_string(waited.count()) + " ms");
}

/// Pauses this coroutine. Cancelling it unwinds.
inline asio::awaitable<void> pause(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace muster
