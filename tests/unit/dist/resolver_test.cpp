#include "dist/resolver.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "dist/link_error.h"

namespace muster::dist {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

class ResolverTest : public testing::Test {
 protected:
  Resolver make(Resolver::Times times) {
    return Resolver(
        io.get_executor(),
        [this](const std::string&, bool is_known, Resolver::Done done) {
          known.push_back(is_known);
          pending.push_back(std::move(done));
        },
        times);
  }
  using Answer = std::shared_ptr<std::optional<Result<Resolver::Addresses>>>;
  Answer ask(Resolver& resolver, std::string host = "far") {
    auto answer = std::make_shared<std::optional<Result<Resolver::Addresses>>>();
    auto ended = [answer](std::exception_ptr, Result<Resolver::Addresses> result) {
      *answer = std::move(result);
    };
    boost::asio::co_spawn(io, resolver.resolve(std::move(host)), ended);
    turn();
    return answer;
  }
  void turn() {
    io.restart();
    io.poll();
  }
  static Error gone() { return Error(LinkError::refused, "unknown"); }
  static Error silent() { return Error(LinkError::timeout, "no answer"); }

  boost::asio::io_context io;
  std::vector<Resolver::Done> pending;
  std::vector<bool> known;  ///< what each was told of its host
};

TEST_F(ResolverTest, AnUnknownHostIsLookedUpOnceForAllItsNodesAndTheirRedials) {
  auto resolver = make({1h, 1h});
  std::vector<Answer> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(ask(resolver));
  ASSERT_EQ(pending.size(), 1u);
  pending[0](gone());
  turn();
  for (auto& answer : answers) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().code, LinkError::refused);
  }
  auto again = ask(resolver);
  ASSERT_TRUE(*again) << "kept";
  EXPECT_EQ((*again)->error().code, LinkError::refused);
  EXPECT_EQ(pending.size(), 1u);
}

TEST_F(ResolverTest, NobodyWaitsTwiceForANameServiceThatDoesNotAnswer) {
  auto resolver = make({0ms, 1h});
  for (int i = 0; i < 100; ++i) {
    auto answer = ask(resolver);
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().code, LinkError::timeout);
  }
  EXPECT_EQ(pending.size(), 1u);
  pending[0](Resolver::Addresses{make_address("10.0.0.7")});
  EXPECT_EQ((*ask(resolver))->value().at(0), make_address("10.0.0.7")) << "it came in the end";
  EXPECT_EQ(pending.size(), 1u);
}

TEST_F(ResolverTest, WhatWasKnownServesUntilThereIsAnotherAnswer) {
  auto resolver = make({0ms, 0ms});
  ask(resolver);
  pending[0](Resolver::Addresses{make_address("10.0.0.7")});
  EXPECT_TRUE((*ask(resolver))->has_value()) << "while it is looked up again";
  ASSERT_EQ(pending.size(), 2u);
  pending[1](silent());
  EXPECT_TRUE((*ask(resolver))->has_value());
  ASSERT_EQ(pending.size(), 3u);
  EXPECT_EQ(known, (std::vector{false, true, true}));
  pending[2](gone());
  EXPECT_FALSE((*ask(resolver))->has_value());
}

TEST_F(ResolverTest, ALiteralAddressIsNotLookedUp) {
  auto resolver = make({1h, 1h});
  EXPECT_TRUE((*ask(resolver, "127.0.0.1"))->has_value());
  EXPECT_TRUE((*ask(resolver, "::1"))->has_value());
  EXPECT_TRUE(pending.empty());
}

}  // namespace
}  // namespace muster::dist
