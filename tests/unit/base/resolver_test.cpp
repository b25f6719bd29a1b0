#include "base/resolver.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/task_group.h"
#include "base/timeout.h"

namespace muster {
namespace {

using namespace std::chrono_literals;
using asio::ip::make_address;
using Addresses = Resolver::Addresses;
using Answer = std::shared_ptr<std::optional<Result<Addresses>>>;

class ResolverTest : public testing::Test {
 protected:
  Resolver make(Resolver::Times times) {
    auto look_up = [this](const std::string&, HostIs last, Resolver::Done done) {
      said_.push_back(last);
      pending_.push_back(std::move(done));
    };
    return Resolver(io_.get_executor(), look_up, times);
  }
  Answer ask(Resolver& resolver, const std::string& host = "far") {
    auto answer = std::make_shared<std::optional<Result<Addresses>>>();
    group_.spawn("ask", wait(resolver, host, answer));
    poll();
    return answer;
  }
  static asio::awaitable<void> wait(Resolver& resolver, std::string host, Answer answer) {
    auto result = co_await resolver.resolve(std::move(host));
    *answer = std::move(result);
  }
  void answer(std::size_t which, Result<Addresses> result) {
    pending_.at(which)(std::move(result));
    poll();
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  static Error gone() { return Error(Errc::not_found, "unknown"); }
  static Error silent() { return Error(Errc::timeout, "no answer"); }

  asio::io_context io_;
  TaskGroup group_{io_.get_executor()};
  std::vector<Resolver::Done> pending_;
  std::vector<HostIs> said_;  ///< what each was told of its host
  const Addresses seven_{make_address("10.0.0.7")};
};

TEST_F(ResolverTest, AnUnknownHostIsLookedUpOnceForAllItsNodesAndTheirRedials) {
  auto resolver = make({1h, 1h, 1h});
  std::vector<Answer> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(ask(resolver));
  ASSERT_EQ(pending_.size(), 1u);
  answer(0, gone());
  for (auto& answer : answers) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().errc(), Errc::not_found);
  }
  auto again = ask(resolver);
  ASSERT_TRUE(*again) << "kept";
  EXPECT_EQ((*again)->error().errc(), Errc::not_found);
  EXPECT_EQ(pending_.size(), 1u);
}

TEST_F(ResolverTest, AnOutcomeThatIsNotKeptIsAskedForAgain) {
  auto resolver = make({1h, 1h, 0s});
  ask(resolver);
  answer(0, gone());
  EXPECT_FALSE(*ask(resolver));
  EXPECT_EQ(said_, (std::vector{HostIs::fresh, HostIs::fresh}));
}

TEST_F(ResolverTest, ANameThatNobodyAnswersForHoldsUpNoOther) {
  auto resolver = make({1h, 1h, 1h});
  auto slow = ask(resolver, "slow"), good = ask(resolver, "good");
  ASSERT_EQ(pending_.size(), 2u);
  answer(1, seven_);
  ASSERT_TRUE(*good);
  EXPECT_EQ((*good)->value(), seven_);
  EXPECT_FALSE(*slow);
}

TEST_F(ResolverTest, NobodyWaitsTwiceForANameServiceThatDoesNotAnswer) {
  auto resolver = make({0ms, 0ms, 1h});
  for (int i = 0; i < 100; ++i) {
    auto answer = ask(resolver);
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().errc(), Errc::timeout);
  }
  EXPECT_EQ(pending_.size(), 1u);
  answer(0, seven_);
  EXPECT_EQ((*ask(resolver))->value(), seven_) << "it came in the end";
  EXPECT_EQ(pending_.size(), 1u);
}

TEST_F(ResolverTest, WhatWasKnownServesUntilThereIsAnotherAnswer) {
  auto resolver = make({1h, 0ms, 0ms});
  ask(resolver);
  answer(0, seven_);
  EXPECT_TRUE((*ask(resolver))->has_value()) << "while it is looked up again";
  ASSERT_EQ(pending_.size(), 2u);
  answer(1, silent());
  EXPECT_TRUE((*ask(resolver))->has_value());
  ASSERT_EQ(pending_.size(), 3u);
  EXPECT_EQ(said_, (std::vector{HostIs::fresh, HostIs::known, HostIs::silent}));
  answer(2, gone());
  EXPECT_FALSE(*ask(resolver)) << "it is unknown now";
  EXPECT_EQ(said_.back(), HostIs::fresh);
}

TEST_F(ResolverTest, AHostThatNobodyAnsweredForIsSilentUntilSomebodyDoes) {
  auto resolver = make({1h, 1h, 0ms});
  for (auto& outcome : {Result<Addresses>(silent()), Result<Addresses>(silent()),
                        Result<Addresses>(seven_), Result<Addresses>(silent())}) {
    ask(resolver);
    answer(pending_.size() - 1, outcome);
  }
  ask(resolver);
  EXPECT_EQ(said_, (std::vector{HostIs::fresh, HostIs::silent, HostIs::silent, HostIs::known,
                                HostIs::silent}));
}

// Whoever had 20,000 names asked for made every host unknown again.
TEST_F(ResolverTest, ThousandsOfNamesThatNobodyKnowsPushOutNoHostThatIsKnown) {
  auto resolver = make({0ms, 0ms, 0ms});
  ask(resolver, "good");
  answer(0, seven_);
  for (std::size_t i = 1; i <= 20'000; ++i) {
    ask(resolver, "dead" + std::to_string(i));
    pending_[i](gone());
  }
  EXPECT_EQ((*ask(resolver, "good"))->value(), seven_) << "while it is looked up again";
}

TEST_F(ResolverTest, ALiteralAddressIsNotLookedUp) {
  auto resolver = make({1h, 1h, 1h});
  EXPECT_EQ((*ask(resolver, "10.0.0.7"))->value(), seven_);
  EXPECT_TRUE((*ask(resolver, "::1"))->has_value());
  EXPECT_TRUE(pending_.empty());
}

TEST_F(ResolverTest, AnAnswerMayComeWhenNobodyIsLeft) {
  auto resolver = std::make_unique<Resolver>(make({1h, 1h, 1h}));
  auto asked = ask(*resolver);
  group_.cancel();
  poll();
  EXPECT_EQ(group_.size(), 0u);
  EXPECT_FALSE(*asked);
  resolver.reset();
  answer(0, seven_);
  EXPECT_FALSE(*asked);
}

TEST_F(ResolverTest, ATimeLimitEndsTheWaitAndTheLookUpGoesOn) {
  auto resolver = make({1h, 1h, 1h});
  std::optional<Result<Addresses>> got;
  auto run = [&]() -> asio::awaitable<void> {
    got = co_await with_timeout(resolver.resolve("far"), 0ms, "connect");
  };
  group_.spawn("run", run());
  io_.restart();
  io_.run();
  ASSERT_TRUE(got && got->has_error());
  EXPECT_EQ(got->error().errc(), Errc::timeout);
  auto later = ask(resolver);
  EXPECT_EQ(pending_.size(), 1u);
  answer(0, seven_);
  EXPECT_TRUE(*later && (*later)->has_value());
}

}  // namespace
}  // namespace muster
