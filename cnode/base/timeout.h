#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <string>

#include "base/result.h"

namespace muster {

/// Pauses this coroutine. Cancelling it unwinds.
inline asio::awaitable<void> pause(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

namespace detail {

/// As pause(), but being cancelled ends it as the time does: most limits are never reached, and an
/// exception for each would cost more than the work that was limited.
inline asio::awaitable<void> pause_at_most(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

/// To `||` an exception is no end: it would wait for the other side.
template <class T>
Task<T> caught(Task<T> task, std::exception_ptr& thrown) {
  try {
    co_return co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return Error(Errc::internal, "an exception");
}

}  // namespace detail

/// Runs `task` until `end` has ended: then it is cancelled (its destructors run first) and the
/// Result is `why`. Exceptions of `task` come out; being cancelled from outside unwinds as always.
template <class T>
Task<T> unless(asio::awaitable<void> end, Task<T> task, Error why) {
  using namespace asio::experimental::awaitable_operators;
  std::exception_ptr thrown;
  auto first = co_await (detail::caught(std::move(task), thrown) || std::move(end));
  if (first.index() == 1) {
    asio::cancellation_state outside = co_await asio::this_coro::cancellation_state;
    if (outside.cancelled() != asio::cancellation_type::none)  // `end` ended by that
      throw boost::system::system_error(asio::error::operation_aborted);
    co_return why;
  }
  if (thrown) std::rethrow_exception(thrown);
  co_return std::get<0>(std::move(first));
}

/// Runs `task` for at most `limit`; past that it is cancelled as by unless() and the Result is a
/// timeout that says what was being done.
template <class T>
Task<T> with_timeout(Task<T> task, std::chrono::steady_clock::duration limit, std::string doing) {
  auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  doing += ": no answer within " + std::to_string(waited.count()) + " ms";
  return unless(detail::pause_at_most(limit), std::move(task),
                Error(Errc::timeout, std::move(doing)));
}

}  // namespace muster
