#include "services/metrics/lives.h"

#include <gtest/gtest.h>

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> nodes(int from, int to) {
  std::vector<std::string> names;
  for (int i = from; i < to; ++i) names.push_back("n" + std::to_string(i) + "@h");
  return names;
}

const Lives::Time start(1h);

// One caller could have all hundred, for ever: nobody else saw a live value.
TEST(Lives, OneCallerLeavesOthersHalfOfThem) {
  Lives lives;
  EXPECT_TRUE(lives.ask("greedy", nodes(0, 50), {"m"}, start + 60s));
  EXPECT_EQ(lives.ask("greedy", nodes(50, 51), {"m"}, start + 60s).error().errc(), Errc::quota);
  EXPECT_TRUE(lives.ask("greedy", nodes(0, 50), {"m"}, start + 90s)) << "it goes on with its own";
  EXPECT_TRUE(lives.ask("other", nodes(30, 80), {"m"}, start + 60s));
  EXPECT_EQ(lives.all().size(), 80u) << "what both look at has one place";
  EXPECT_TRUE(lives.ask("third", nodes(80, 100), {"m"}, start + 60s));
  EXPECT_EQ(lives.ask("third", nodes(100, 101), {"m"}, start + 60s).error().errc(), Errc::quota);
  EXPECT_EQ(lives.find("n100@h"), nullptr) << "all or none";
}

// By joining others in what they look at, and staying, it could have them all the same.
TEST(Lives, WhatSeveralLookAtCountsForEach) {
  Lives lives;
  EXPECT_TRUE(lives.ask("other", nodes(0, 10), {"m"}, start + 10s));
  EXPECT_TRUE(lives.ask("greedy", nodes(10, 60), {"m"}, start + 60s));
  EXPECT_FALSE(lives.ask("greedy", nodes(0, 10), {"m"}, start + 60s));
}

TEST(Lives, ANodeIsLiveUntilTheLastWhoAskedForIt) {
  Lives lives;
  EXPECT_TRUE(lives.ask("a", nodes(0, 2), {"m"}, start + 10s));
  EXPECT_TRUE(lives.ask("b", nodes(0, 1), {"l"}, start + 30s));
  EXPECT_TRUE(lives.ask("b", nodes(0, 1), {"l"}, start + 5s)) << "does not cut it short";
  EXPECT_EQ(lives.find("n0@h")->end(), start + 30s);
  EXPECT_EQ(lives.find("n0@h")->metrics, (std::set<std::string>{"l", "m"}));
  EXPECT_EQ(lives.end(start + 10s), nodes(1, 2));
  EXPECT_EQ(lives.end(start + 29s), nodes(0, 0));
  EXPECT_EQ(lives.end(Lives::Time::max()), nodes(0, 1));
  EXPECT_TRUE(lives.all().empty());
}

}  // namespace
}  // namespace muster::metrics
