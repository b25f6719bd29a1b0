#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>

#include "base/result.h"

namespace muster {

/// Runs a blocking job (SQLite, hashing, tar) on `pool` and comes back to the caller's executor
/// with what it returned. It is not cut short by cancellation: the caller waits for it, so what the
/// job refers to in the caller's frame stays good. Exceptions of the job come out of the co_await.
/// Name the job first (g++ 12.2): `auto job = [...]{…};`
template <class Job, class R = std::invoke_result_t<Job&>>
asio::awaitable<R> offload(asio::thread_pool& pool, Job job) {
  std::optional<R> result;
  std::exception_ptr thrown;
  auto body = [&](auto handler) {
    auto run = [&, handler = std::move(handler)]() mutable {
      try {
        result.emplace(job());
      } catch (...) {
        thrown = std::current_exception();
      }
      auto executor = asio::get_associated_executor(handler);
      asio::post(executor, std::move(handler));
    };
    asio::post(pool, std::move(run));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(body, asio::use_awaitable);
  if (thrown) std::rethrow_exception(thrown);
  co_return std::move(*result);
}

}  // namespace muster
