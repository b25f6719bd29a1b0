#include "services/metrics/accounts.h"

#include <gtest/gtest.h>

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;
using etf::atom;
using etf::Map;
using etf::Term;

Term map_of(std::vector<std::pair<Term, Term>> pairs) {
  Map map;
  map.pairs = std::move(pairs);
  return map;
}

Term account(std::int64_t backing_off = 0) {
  return map_of({{atom("reductions"), 1000},
                 {atom("memory"), 20'000},
                 {atom("wall_total_us"), 77},
                 {atom("backing_off"), backing_off}});
}

class AccountsTest : public testing::Test {
 protected:
  std::map<std::string, std::int64_t> next(Accounts::Time now = {}) {
    Reading reading;
    accounts.add_to("a@b", reading, now);
    std::map<std::string, std::int64_t> values;
    for (auto& sample : reading.samples) {
      auto& series = dictionary.series_of(sample.series);
      values[series.name + "{" + series.labels + "}"] = sample.number().integer();
    }
    return values;
  }
  void hear(const std::string& agent, const Term& message, Accounts::Time now = {}) {
    accounts.heard("a@b", agent, message, now);
  }
  Dictionary dictionary;
  SampleReader reader{dictionary};
  Accounts accounts{reader};
};

TEST_F(AccountsTest, EveryAgentsCostIsAMetricWithItsName) {
  hear("metrics", map_of({{atom("values"), map_of({})}, {atom("agent"), account()}}));
  hear("notifications", map_of({{atom("counts"), map_of({})}, {atom("agent"), account()}}));
  hear("alarms", map_of({{atom("present"), etf::list()}, {atom("agent"), account(1)}}));
  auto found = next();
  for (std::string agent : {"metrics", "notifications", "alarms"}) {
    auto label = "{agent=\"" + agent + "\"}";
    EXPECT_EQ(found["agent.reductions" + label], 1000);
    EXPECT_EQ(found["agent.memory" + label], 20'000);
    EXPECT_EQ(found["agent.wall_total" + label], 77);
    EXPECT_EQ(found["agent.backed_off" + label], agent == "alarms");
  }
}

TEST_F(AccountsTest, WhatTheAgentCountedAndLetGoAreCounters) {
  hear("notifications", map_of({{atom("dropped"), map_of({{atom("logger"), 5}})}}));
  EXPECT_TRUE(next().empty());  // between two intervals: only the total goes up
  hear("notifications", map_of({{atom("dropped"), map_of({{atom("lager"), 2}})},
                                {atom("counts"), map_of({{atom("long_gc"), 3}})},
                                {atom("lacking"), map_of({{atom("system_monitor"), 1}})},
                                {atom("agent"), account()}}));
  auto found = next();
  EXPECT_EQ(found["agent.events_dropped{agent=\"notifications\"}"], 7);
  EXPECT_EQ(found["agent.lacking{agent=\"notifications\"}"], 1);
  EXPECT_EQ(found["events.long_gc{}"], 3);
  EXPECT_EQ(found["events.busy_port{}"], 0);
}

TEST_F(AccountsTest, TheLastLookAtMessageQueuesIsAMetric) {
  hear("alarms", map_of({{atom("scan"), map_of({{atom("sum"), 12}, {atom("most"), 9}})}}));
  EXPECT_EQ(next()["message_queues.sum{}"], 12);
  EXPECT_EQ(next()["message_queues.most{}"], 9);
}

TEST_F(AccountsTest, WhatIsNotSaidAgainIsForgotten) {
  Accounts::Time start{};
  hear("alarms",
       map_of({{atom("interval_ms"), 1000},
               {atom("present"), etf::list()},
               {atom("agent"), account()}}),
       start);
  EXPECT_FALSE(next(start + 2s).empty());
  EXPECT_TRUE(next(start + 4s).empty());
  hear("alarms", map_of({{atom("present"), etf::list()}, {atom("agent"), account()}}), start);
  accounts.node_down("a@b");
  EXPECT_TRUE(next(start).empty());
}

TEST_F(AccountsTest, WhateverCameIsBounded) {
  hear("notifications", atom("x"));
  hear("notifications", map_of({{atom("counts"), 5},
                                {atom("agent"), 6},
                                {atom("dropped"), -7},
                                {atom("lacking"), etf::list()},
                                {atom("scan"), 1.5}}));
  EXPECT_LE(next().size(), 10u);
}

}  // namespace
}  // namespace muster::metrics
