#include "doors/rest/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <vector>

namespace muster::doors::rest {
namespace {

TEST(RoundRobin, EachCallerHasItsTurnAndItsOwnInOrder) {
  RoundRobin<int> waiting;
  for (int i = 0; i < 3; ++i) waiting.push("many", i);
  waiting.push("one", 10);
  auto twenty = waiting.push("two", 20);
  waiting.push("two", 21);
  waiting.remove(twenty);
  std::vector<int> order;
  while (auto item = waiting.pop()) order.push_back(*item);
  EXPECT_EQ(order, (std::vector{0, 10, 21, 1, 2}));
  waiting.remove(waiting.push("two", 22));
  EXPECT_FALSE(waiting.pop());
}

class TurnsTest : public testing::Test {
 protected:
  asio::awaitable<void> work(std::string caller, int pieces) {
    for (int i = 0; i < pieces; ++i) {
      asked_ += caller;
      auto turn = turns_.next(caller);
      co_await std::move(turn);
      done_ += caller;
    }
  }
  void begin(std::string caller, int pieces) {
    asio::co_spawn(io_, work(std::move(caller), pieces), asio::detached);
  }
  asio::io_context io_;
  Turns turns_;
  std::string asked_, done_;
};

// 100 connections of one token had their pieces made before another's one: 3.5 s.
TEST_F(TurnsTest, ManyConnectionsOfOneCallerDelayAnotherByAPieceEach) {
  for (int i = 0; i < 100; ++i) begin("m", 50);
  for (int i = 0; i < 1000; ++i) io_.poll_one();
  auto before = done_.size();
  begin("h", 3);
  io_.run();
  EXPECT_EQ(done_.size(), 5003u);
  EXPECT_LT(done_.rfind('h') - before, 10u);
}

TEST_F(TurnsTest, BetweenTwoPiecesTheLoopDoesAllElse) {
  begin("m", 50);
  begin("n", 50);
  std::size_t at_most = 0;
  for (std::size_t before = 0; done_.size() < 100; before = done_.size()) {
    asio::post(io_, [&] { at_most = std::max(at_most, done_.size() - before); });
    while (done_.size() == before && io_.poll_one() > 0) {
    }
  }
  EXPECT_LE(at_most, 2u);
}

TEST_F(TurnsTest, WhoIsCancelledWhileItWaitsLeavesTheQueue) {
  asio::cancellation_signal cancel;
  bool is_unwound = false;
  begin("m", 3);
  asio::co_spawn(io_, work("c", 5),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                   is_unwound = thrown != nullptr;
                 }));
  begin("n", 1);
  while (asked_.find('c') == std::string::npos) io_.poll_one();
  ASSERT_EQ(done_.find('c'), std::string::npos);
  cancel.emit(asio::cancellation_type::terminal);
  io_.run();
  EXPECT_TRUE(is_unwound);
  EXPECT_LE(std::count(done_.begin(), done_.end(), 'c'), 1) << "its turn had come already";
  EXPECT_EQ(std::count(done_.begin(), done_.end(), 'm'), 3);
  EXPECT_EQ(std::count(done_.begin(), done_.end(), 'n'), 1);
}

}  // namespace
}  // namespace muster::doors::rest
