#include "base/slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "base/timeout.h"
#include "tests/unit/support/loop.h"

namespace muster {
namespace {

class SlotsTest : public testing::Test {
 protected:
  /// Takes a slot, does something, gives it back.
  asio::awaitable<void> work(std::string caller) {
    auto held = co_await slots_->take(caller);
    order_ += caller;
    most_ = std::max(most_, ++at_once_);
    co_await asio::post(asio::use_awaitable);
    --at_once_;
  }
  /// Takes a slot and keeps it.
  asio::awaitable<void> keep(std::string caller) {
    auto held = co_await slots_->take(caller);
    order_ += caller;
    co_await pause(std::chrono::hours(1));
  }
  void begin(std::string caller) {
    asio::co_spawn(*io_, work(std::move(caller)), asio::detached);
    poll();
  }
  using Held = std::optional<Slots::Held>;
  Held take(const std::string& caller) { return test::finish(*io_, slots_->take(caller)); }
  void poll() {
    io_->restart();
    io_->poll();
  }

  std::optional<asio::io_context> io_{std::in_place};
  std::optional<Slots> slots_{2};
  std::string order_;
  int at_once_ = 0, most_ = 0;
};

TEST_F(SlotsTest, CallersHaveItInTurnAndEachItsOwnInOrder) {
  slots_.emplace(1);
  auto held = take("x");
  for (auto* caller : {"a", "a", "a", "b", "c", "c"}) begin(caller);
  EXPECT_EQ(order_, "");
  held.reset();
  poll();
  EXPECT_EQ(order_, "abcaca");
}

TEST_F(SlotsTest, NoMoreThanItsCountAtOnce) {
  for (int i = 0; i < 20; ++i)
    for (auto* caller : {"a", "b", "c"}) asio::co_spawn(*io_, work(caller), asio::detached);
  poll();
  EXPECT_EQ(order_.size(), 60U);
  EXPECT_EQ(most_, 2);
}

// One viewer's 3,000 questions made the others wait for all of them.
TEST_F(SlotsTest, AFloodOfOneCallerQueuesBehindItself) {
  for (int i = 0; i < 3000; ++i) asio::co_spawn(*io_, work("f"), asio::detached);
  while (order_.size() < 10) io_->poll_one();
  auto before = order_.size();
  asio::co_spawn(*io_, work("h"), asio::detached);
  poll();
  EXPECT_EQ(order_.size(), 3001U);
  EXPECT_LT(order_.find('h'), before + 10);
}

TEST_F(SlotsTest, WhoIsCancelledWhileItWaitsLeavesTheQueue) {
  slots_.emplace(1);
  TaskGroup gone(io_->get_executor());
  auto held = take("x");
  gone.spawn("gone", work("a"));
  begin("a");
  gone.spawn("gone", work("b"));
  gone.spawn("gone", work("a"));
  poll();
  EXPECT_EQ(gone.size(), 3U);
  gone.cancel();
  poll();
  EXPECT_EQ(gone.size(), 0U);
  held.reset();
  poll();
  EXPECT_EQ(order_, "a");
  begin("c");
  EXPECT_EQ(order_, "ac") << "the slot is free again";
}

TEST_F(SlotsTest, ASlotHandedToACancelledWaiterGoesOn) {
  slots_.emplace(1);
  for (bool is_handed_first : {true, false}) {
    TaskGroup gone(io_->get_executor());
    auto held = take("x");
    for (int i = 0; i < 3; ++i) gone.spawn("gone", keep("g"));
    poll();
    begin("a");
    order_.clear();
    if (is_handed_first) held.reset();
    gone.cancel();
    held.reset();
    poll();
    EXPECT_EQ(gone.size(), 0U);
    EXPECT_TRUE(order_.ends_with('a')) << order_;
    begin("b");
    EXPECT_TRUE(order_.ends_with('b')) << "the slot is free again";
  }
}

// Each handed its slot to the next, which began although it was cancelled, one after another.
TEST_F(SlotsTest, NoneOfThoseThatAreCancelledBegins) {
  TaskGroup gone(io_->get_executor());
  int begun = 0, read = 0;
  auto ask = [&]() -> asio::awaitable<void> {
    auto held = co_await slots_->take("a");
    ++begun;
    for (int i = 0; i < 3; ++i) co_await asio::post(asio::use_awaitable);
    ++read;
  };
  for (int i = 0; i < 600; ++i) gone.spawn("ask", ask());
  while (read < 10) io_->poll_one();
  int before = 0;
  auto end = [&]() -> asio::awaitable<void> {
    before = begun;
    gone.cancel();
    co_await gone.join();
  };
  test::finish(*io_, end());
  EXPECT_EQ(gone.size(), 0U);
  EXPECT_EQ(begun, before);
  EXPECT_LE(read, before);
  begin("b");
  EXPECT_EQ(order_, "b") << "the slot is free again";
}

struct Compared {
  int number;
  static inline int comparisons = 0;
  bool operator==(const Compared& other) const {
    ++comparisons;
    return number == other.number;
  }
};

// 28,000 of one caller that were cancelled when the daemon ended took it seconds.
TEST(RoundRobin, WhatLeavesIsNotSearchedFor) {
  RoundRobin<Compared> waiting;
  std::vector<RoundRobin<Compared>::Place> places;
  for (int i = 0; i < 30'000; ++i) places.push_back(waiting.push("a", {i}));
  auto other = waiting.push("b", {-1});
  EXPECT_EQ(waiting.pop()->number, 0);
  for (int i = 29'999; i > 1; --i) waiting.remove(places[static_cast<std::size_t>(i)]);
  waiting.remove(other);
  EXPECT_EQ(waiting.pop()->number, 1);
  EXPECT_FALSE(waiting.pop());
  waiting.push("a", {2});
  EXPECT_EQ(waiting.pop()->number, 2);
  EXPECT_EQ(Compared::comparisons, 0);
}

TEST_F(SlotsTest, MayEndBeforeThoseThatHoldAndWait) {
  auto first = take("x"), second = take("x");
  for (auto* caller : {"a", "b"}) begin(caller);
  slots_.reset();
  EXPECT_EQ(order_, "");
  second.reset();
  poll();
  EXPECT_EQ(order_, "ab");
}

// In whatever order the coroutines are destroyed.
TEST_F(SlotsTest, IsFreeAgainWhenTheLoopOfAllIsGone) {
  for (int i = 0; i < 5; ++i)
    for (auto* caller : {"a", "b"}) asio::co_spawn(*io_, keep(caller), asio::detached);
  poll();
  EXPECT_EQ(order_, "ab");
  io_.emplace();
  for (auto* caller : {"c", "d", "e"}) asio::co_spawn(*io_, keep(caller), asio::detached);
  poll();
  EXPECT_EQ(order_, "abcd");
}

}  // namespace
}  // namespace muster
