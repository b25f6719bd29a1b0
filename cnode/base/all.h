#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "base/result.h"

namespace muster {

/// Runs all `tasks` at the same time and gives their results in the same order, once the last has
/// ended. A cancelled caller cancels them all and unwinds after they have, so they may refer to the
/// caller's frame. An exception of one comes out when all have ended.
template <class T>
asio::awaitable<std::vector<T>> all(std::vector<asio::awaitable<T>> tasks) {
  if (tasks.empty()) co_return std::vector<T>{};
  auto executor = co_await asio::this_coro::executor;
  std::vector<decltype(asio::co_spawn(executor, std::move(tasks.front()), asio::deferred))> running;
  running.reserve(tasks.size());
  for (auto& task : tasks)
    running.push_back(asio::co_spawn(executor, std::move(task), asio::deferred));
  auto group = asio::experimental::make_parallel_group(std::move(running));
  auto [order, thrown, results] =
      co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (auto& exception : thrown)
    if (exception) std::rethrow_exception(exception);
  co_return std::move(results);
}

}  // namespace muster
