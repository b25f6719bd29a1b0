#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <optional>
#include <vector>

#include "base/result.h"

namespace muster::test {

/// The one thread that runs everything, inside a test: runs tasks to their end.
struct Loop {
  asio::io_context io;
  asio::thread_pool pool{2};

  ~Loop() { pool.join(); }

  template <class T>
  T operator()(asio::awaitable<T> task) {
    auto all = together(std::vector<asio::awaitable<T>>(1), std::move(task));
    return std::move(all.front());
  }

  void operator()(asio::awaitable<void> task) {
    bool is_done = false;
    auto done = [&](std::exception_ptr thrown) {
      is_done = true;
      if (thrown) std::rethrow_exception(thrown);
    };
    asio::co_spawn(io, std::move(task), done);
    run_until([&] { return is_done; });
  }

  /// All at once; results in the order of the tasks.
  template <class T>
  std::vector<T> all(std::vector<asio::awaitable<T>> tasks) {
    std::vector<std::optional<T>> results(tasks.size());
    std::size_t left = tasks.size();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      auto done = [&, i](std::exception_ptr thrown, T result) {
        --left;
        if (thrown) std::rethrow_exception(thrown);
        results[i].emplace(std::move(result));
      };
      asio::co_spawn(io, std::move(tasks[i]), done);
    }
    run_until([&] { return left == 0; });
    std::vector<T> values;
    for (auto& result : results) values.push_back(std::move(*result));
    return values;
  }

 private:
  template <class T>
  std::vector<T> together(std::vector<asio::awaitable<T>> tasks, asio::awaitable<T> task) {
    tasks.front() = std::move(task);
    return all(std::move(tasks));
  }

  template <class Condition>
  void run_until(Condition condition) {
    while (!condition()) {
      io.restart();
      if (io.run_one() == 0 && !condition()) throw std::runtime_error("nothing left to wait for");
    }
  }
};

}  // namespace muster::test
