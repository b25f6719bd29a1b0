#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/all.h"
#include "base/offload.h"
#include "base/task_group.h"
#include "base/timeout.h"

namespace muster {
namespace {

asio::awaitable<void> wait_for_ever(bool& unwound) {
  struct Guard {
    bool& flag;
    ~Guard() { flag = true; }
  } guard{unwound};
  co_await pause(std::chrono::hours(1));
}

Task<int> for_ever(bool& unwound) {
  co_await wait_for_ever(unwound);
  co_return 1;
}

Task<int> seven() {
  co_return 7;
}

TEST(TaskGroup, CancelUnwindsAndJoinEnds) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  bool first = false, second = false, joined = false;
  group.spawn("first", wait_for_ever(first));
  group.spawn("second", wait_for_ever(second));
  auto joining = [&]() -> asio::awaitable<void> {
    co_await group.join();
    joined = true;
  };
  asio::co_spawn(io, joining, asio::detached);
  io.poll();
  EXPECT_EQ(group.size(), 2u);
  EXPECT_FALSE(joined);
  group.cancel();
  io.poll();
  EXPECT_TRUE(first && second && joined);
}

TEST(TaskGroup, SurvivesACoroutineThatThrows) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  auto failing = []() -> asio::awaitable<void> {
    throw std::runtime_error("as the test wants");
    co_return;
  };
  group.spawn("failing", failing());
  io.poll();
  EXPECT_EQ(group.size(), 0u);
}

TEST(WithTimeout, GivesTheResultThatCameInTime) {
  asio::io_context io;
  std::optional<Result<int>> got;
  auto run = [&]() -> asio::awaitable<void> {
    got = co_await with_timeout(seven(), std::chrono::hours(1), "count");
  };
  asio::co_spawn(io, run, asio::detached);
  io.poll();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->value(), 7);
}

TEST(WithTimeout, CancelsAndSaysWhatTookTooLong) {
  asio::io_context io;
  bool unwound = false;
  std::optional<Result<int>> got;
  auto run = [&]() -> asio::awaitable<void> {
    got = co_await with_timeout(for_ever(unwound), std::chrono::milliseconds(0), "count");
  };
  asio::co_spawn(io, run, asio::detached);
  io.run();
  ASSERT_TRUE(got && got->has_error());
  EXPECT_TRUE(unwound);
  EXPECT_EQ(got->error().errc(), Errc::timeout);
  EXPECT_EQ(got->error().message, "count: no answer within 0 ms");
}

TEST(WithTimeout, LetsAnExceptionOutAtOnce) {
  asio::io_context io;
  std::string said;
  auto failing = []() -> Task<int> {
    throw std::runtime_error("as the test wants");
    co_return 1;
  };
  auto run = [&]() -> asio::awaitable<void> {
    try {
      (void)co_await with_timeout(failing(), std::chrono::hours(1), "count");
    } catch (const std::runtime_error& e) {
      said = e.what();
    }
  };
  asio::co_spawn(io, run, asio::detached);
  io.poll();
  EXPECT_EQ(said, "as the test wants");
}

/// Whether who waits for this task goes on after having been cancelled.
bool goes_on_when_cancelled(Task<int> task) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  bool went_on = false;
  auto run = [&]() -> asio::awaitable<void> {
    (void)co_await std::move(task);
    went_on = true;
  };
  group.spawn("run", run());
  io.poll();
  group.cancel();
  io.poll();
  EXPECT_EQ(group.size(), 0u);
  return went_on;
}

TEST(WithTimeout, UnwindsWithItsCancelledCaller) {
  bool unwound = false;
  auto task = with_timeout(for_ever(unwound), std::chrono::hours(1), "count");
  EXPECT_FALSE(goes_on_when_cancelled(std::move(task)));
  EXPECT_TRUE(unwound);
}

TEST(WithTimeout, UnwindsWithItsCallerAlsoWhereTheTimeEndsBeforeTheTask) {
  bool unwound = false;
  auto inner = with_timeout(for_ever(unwound), std::chrono::hours(1), "count");
  auto task = with_timeout(std::move(inner), std::chrono::hours(1), "count on");
  EXPECT_FALSE(goes_on_when_cancelled(std::move(task)));
  EXPECT_TRUE(unwound);
}

TEST(Offload, RunsOnThePoolAndComesBack) {
  asio::io_context io;
  asio::thread_pool pool(1);
  auto loop = std::this_thread::get_id();
  std::thread::id job_thread, after;
  int got = 0;
  auto run = [&]() -> asio::awaitable<void> {
    auto job = [&] {
      job_thread = std::this_thread::get_id();
      return 5;
    };
    got = co_await offload(pool, job);
    after = std::this_thread::get_id();
  };
  asio::co_spawn(io, run, asio::detached);
  io.run();
  EXPECT_EQ(got, 5);
  EXPECT_TRUE(after == loop);
  EXPECT_TRUE(job_thread != loop);
}

TEST(Offload, ThrowsWhatTheJobThrew) {
  asio::io_context io;
  asio::thread_pool pool(1);
  bool caught = false;
  auto run = [&]() -> asio::awaitable<void> {
    auto job = []() -> int { throw std::runtime_error("job"); };
    try {
      co_await offload(pool, job);
    } catch (const std::runtime_error&) {
      caught = true;
    }
  };
  asio::co_spawn(io, run, asio::detached);
  io.run();
  EXPECT_TRUE(caught);
}

TEST(All, GivesTheResultsInOrder) {
  asio::io_context io;
  std::vector<int> got;
  auto value = [](int v) -> asio::awaitable<int> { co_return v; };
  auto run = [&]() -> asio::awaitable<void> {
    std::vector<asio::awaitable<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(value(i));
    got = co_await all(std::move(tasks));
  };
  asio::co_spawn(io, run, asio::detached);
  io.run();
  EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(All, UnwindsEveryTaskBeforeItsCancelledCaller) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  bool first = false, second = false, outer_was_last = false;
  auto inner = [](bool& flag) -> asio::awaitable<int> {
    co_await wait_for_ever(flag);
    co_return 0;
  };
  auto run = [&]() -> asio::awaitable<void> {
    struct Guard {
      bool &first, &second, &last;
      ~Guard() { last = first && second; }
    } guard{first, second, outer_was_last};
    std::vector<asio::awaitable<int>> tasks;
    tasks.push_back(inner(first));
    tasks.push_back(inner(second));
    co_await all(std::move(tasks));
  };
  group.spawn("all", run());
  io.poll();
  group.cancel();
  io.poll();
  EXPECT_TRUE(outer_was_last);
}

}  // namespace
}  // namespace muster
