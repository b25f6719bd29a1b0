#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>

#include "base/result.h"

namespace muster::test {

/// Runs a task to its end, with whatever else is on the loop meanwhile. Throws what it throws.
inline void finish(asio::io_context& io, asio::awaitable<void> task) {
  bool is_over = false;
  std::exception_ptr thrown;
  auto ended = [&](std::exception_ptr e) {
    is_over = true;
    thrown = e;
  };
  asio::co_spawn(io, std::move(task), ended);
  io.restart();
  while (!is_over && io.run_one() > 0) continue;
  if (thrown) std::rethrow_exception(thrown);
  if (!is_over) throw std::runtime_error("nothing left to wait for");
}

template <class T>
T finish(asio::io_context& io, asio::awaitable<T> task) {
  std::optional<T> result;
  auto body = [&]() -> asio::awaitable<void> { result.emplace(co_await std::move(task)); };
  finish(io, body());
  return std::move(*result);
}

}  // namespace muster::test
