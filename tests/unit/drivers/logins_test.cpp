// Who waits for whom before a host by SSH is logged in on: names and places.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/task_group.h"
#include "base/timeout.h"
#include "drivers/ssh/logins.h"
#include "drivers/ssh/names.h"

namespace muster::drivers::ssh {
namespace {

using namespace std::chrono_literals;
using Addresses = Names::Addresses;
using Answer = std::shared_ptr<std::optional<Result<Addresses>>>;

class NamesTest : public testing::Test {
 protected:
  Names make(std::chrono::steady_clock::duration patience) {
    auto look_up = [this](const std::string&, bool is_known, SystemLookUp::Done done) {
      were_known_.push_back(is_known);
      pending_.push_back(std::move(done));
    };
    return Names(io_.get_executor(), look_up, patience);
  }
  Answer ask(Names& names, const std::string& host) {
    auto answer = std::make_shared<std::optional<Result<Addresses>>>();
    group_.spawn("ask", wait(names, host, answer));
    poll();
    return answer;
  }
  static asio::awaitable<void> wait(Names& names, std::string host, Answer answer) {
    auto result = co_await names.resolve(std::move(host));
    *answer = std::move(result);
  }
  void answer(std::size_t which, Result<Addresses> result) {
    pending_.at(which)(std::move(result));
    poll();
  }
  /// For a time that is over at once, but not for a single poll().
  void wait_for(const Answer& answer) {
    io_.restart();
    while (!*answer && io_.run_one_for(10s) > 0) continue;
  }
  void poll() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  TaskGroup group_{io_.get_executor()};
  std::vector<SystemLookUp::Done> pending_;
  std::vector<bool> were_known_;
  const Addresses seven_{asio::ip::make_address("10.0.0.7")};
};

TEST_F(NamesTest, AnAddressIsNotLookedUp) {
  auto names = make(1h);
  auto four = ask(names, "10.0.0.7"), six = ask(names, "::1");
  ASSERT_TRUE(*four && *six);
  EXPECT_EQ((*four)->value(), seven_);
  EXPECT_TRUE((*six)->has_value());
  EXPECT_TRUE(pending_.empty());
}

TEST_F(NamesTest, ANameThatNobodyAnswersForHoldsUpNoOther) {
  auto names = make(1h);
  auto slow = ask(names, "slow"), again = ask(names, "slow"), good = ask(names, "good");
  ASSERT_EQ(pending_.size(), 2u) << "one look-up per name";
  answer(1, seven_);
  ASSERT_TRUE(*good);
  EXPECT_EQ((*good)->value(), seven_);
  EXPECT_FALSE(*slow || *again);
  answer(0, Error(Errc::not_found, "unknown"));
  ASSERT_TRUE(*slow && *again);
  EXPECT_EQ((*slow)->error().errc(), Errc::not_found);
  ask(names, "slow");
  EXPECT_EQ(were_known_, (std::vector<bool>{false, false, false})) << "and no error is kept";
}

TEST_F(NamesTest, WhileNobodyAnswersTheLastAddressesDo) {
  auto names = make(0s);
  ask(names, "host");
  answer(0, seven_);
  auto second = ask(names, "host"), third = ask(names, "host");
  EXPECT_EQ(were_known_, (std::vector<bool>{false, true}));
  wait_for(second);
  wait_for(third);
  ASSERT_TRUE(*second && *third);
  EXPECT_EQ((*second)->value(), seven_);
  answer(1, Error(Errc::timeout, "no answer"));
  auto fourth = ask(names, "host");
  wait_for(fourth);
  ASSERT_TRUE(*fourth);
  EXPECT_TRUE((*fourth)->has_value());
  answer(2, Error(Errc::not_found, "unknown"));
  auto fifth = ask(names, "host");
  EXPECT_FALSE(*fifth) << "it is unknown now";
  EXPECT_EQ(were_known_, (std::vector<bool>{false, true, true, false}));
}

TEST_F(NamesTest, AnAnswerMayComeWhenNobodyIsLeft) {
  auto names = std::make_unique<Names>(make(1h));
  auto asked = ask(*names, "host");
  group_.cancel();
  poll();
  EXPECT_EQ(group_.size(), 0u);
  EXPECT_FALSE(*asked);
  names.reset();
  answer(0, seven_);
  EXPECT_FALSE(*asked);
}

TEST_F(NamesTest, ATimeLimitEndsTheWaitAndTheLookUpGoesOn) {
  auto names = make(1h);
  std::optional<Result<Addresses>> got;
  auto run = [&]() -> asio::awaitable<void> {
    got = co_await with_timeout(names.resolve("host"), 0ms, "connect");
  };
  group_.spawn("run", run());
  io_.restart();
  io_.run();
  ASSERT_TRUE(got && got->has_error());
  EXPECT_EQ(got->error().errc(), Errc::timeout);
  auto later = ask(names, "host");
  EXPECT_EQ(pending_.size(), 1u);
  answer(0, seven_);
  EXPECT_TRUE(*later && (*later)->has_value());
}

/// Tries to log in on hosts that say nothing.
class LoginsTest : public testing::Test {
 protected:
  void begin(Logins& logins, bool was_mute) {
    group_.spawn("log in", attempt(logins, was_mute, begun_));
    io_.restart();
    io_.poll();
  }
  static asio::awaitable<void> attempt(Logins& logins, bool was_mute, int& begun) {
    auto place = co_await logins.take(was_mute);
    ++begun;
    co_await pause(1h);
  }
  asio::io_context io_;
  TaskGroup group_{io_.get_executor()};
  int begun_ = 0;
};

TEST_F(LoginsTest, MuteHostsWaitForEachOtherOnly) {
  Logins logins(1h, 2, 1);
  for (int i = 0; i < 3; ++i) begin(logins, true);
  EXPECT_EQ(begun_, 1);
  for (int i = 0; i < 3; ++i) begin(logins, false);
  EXPECT_EQ(begun_, 3);
  group_.cancel();
  io_.restart();
  io_.poll();
  EXPECT_EQ(group_.size(), 0u);
}

TEST_F(LoginsTest, APlaceIsGivenBackAfterAMoment) {
  Logins logins(1ms, 2, 1);
  for (int i = 0; i < 20; ++i) begin(logins, false);
  io_.restart();
  while (begun_ < 20 && io_.run_one_for(10s) > 0) continue;
  EXPECT_EQ(begun_, 20) << "while all attempts go on";
  EXPECT_EQ(group_.size(), 20u);
}

TEST_F(LoginsTest, APlaceIsGivenBackAtTheEndOfItsAttempt) {
  Logins logins(1h, 1, 1);
  TaskGroup first(io_.get_executor());
  first.spawn("log in", attempt(logins, false, begun_));
  begin(logins, false);
  EXPECT_EQ(begun_, 1);
  first.cancel();
  io_.restart();
  io_.poll();
  EXPECT_EQ(begun_, 2);
  EXPECT_EQ(first.size(), 0u);
}

}  // namespace
}  // namespace muster::drivers::ssh
