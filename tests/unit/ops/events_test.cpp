#include "ops/events.h"

#include <gmock/gmock.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/task_group.h"
#include "sample.h"
#include "tests/unit/support/clock.h"

namespace muster::sample {
namespace {

class EventsTest : public testing::Test {
 protected:
  EventsTest() : bus_(io_.get_executor(), clock_, kept) {
    bus_.declare({ops::topic<Done>("topology.node_state", "a node changed"),
                  ops::topic<Inner>("alarms.raised", "an alarm")});
  }
  void publish(int count) {
    for (int i = 0; i < count; ++i) bus_.publish("topology.node_state", Done{std::to_string(i)});
  }
  /// "1 2 gap:3 6": what is in a subscription's queue.
  static std::string drain(ops::Subscription& subscription) {
    std::string all;
    while (auto delivery = subscription.try_next()) {
      if (!all.empty()) all += ' ';
      if (auto* gap = std::get_if<ops::Gap>(&*delivery))
        all += "gap:" + std::to_string(gap->lost);
      else
        all += std::to_string(std::get<ops::EventPtr>(*delivery)->seq);
    }
    return all;
  }

  static constexpr std::size_t kept = 5;
  asio::io_context io_;
  test::HandClock clock_;
  ops::EventBus bus_;
};

TEST_F(EventsTest, DeliverToThoseWhoWantTheTopic) {
  auto all = *bus_.subscribe({});
  auto group = *bus_.subscribe({"topology"});
  auto exact = *bus_.subscribe({"alarms.raised", "topology.node_state"});
  auto other = *bus_.subscribe({"alarms"});
  publish(2);
  EXPECT_EQ(drain(*all), "1 2");
  EXPECT_EQ(drain(*group), "1 2");
  EXPECT_EQ(drain(*exact), "1 2");
  EXPECT_EQ(drain(*other), "");
}

TEST_F(EventsTest, RefusesUnknownTopics) {
  auto refused = bus_.subscribe({"topology", "topolog"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::bad_request);
  EXPECT_EQ(refused.error().field, "/topics/1");
}

// 100,000 times the same topic: compared with every event, in one turn of the loop.
TEST_F(EventsTest, ASubscriptionHasAFewTopics) {
  std::vector<std::string> many(ops::EventBus::most_topics, "topology");
  EXPECT_TRUE(bus_.subscribe(many));
  many.push_back("topology");
  auto refused = bus_.subscribe(many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "/topics");
}

TEST_F(EventsTest, PublishingWhatIsNotDeclaredIsABug) {
  EXPECT_THROW(bus_.publish("topology.other", Done{}), std::logic_error);
  EXPECT_THROW(bus_.publish("topology.node_state", Inner{}), std::logic_error);
}

TEST_F(EventsTest, AnnounceWhatDidNotFit) {
  auto slow = *bus_.subscribe({}, {}, 2);
  publish(5);
  slow->try_next();
  slow->try_next();
  publish(1);
  EXPECT_EQ(drain(*slow), "gap:3 6");
}

// Each of many listeners that do not read would hold events of its own, that nobody else wants.
TEST_F(EventsTest, WhoDoesNotReadHoldsNoMoreThanTheBusKeeps) {
  auto slow = *bus_.subscribe({});
  publish(3);
  std::weak_ptr<const ops::Event> second =
      std::get<ops::EventPtr>((slow->try_next(), *slow->try_next()));
  publish(5);
  EXPECT_TRUE(second.expired());
  EXPECT_EQ(slow->lost(), 1u);
  EXPECT_EQ(drain(*slow), "gap:1 4 5 6 7 8");
}

TEST_F(EventsTest, AreKeptUpToANumberOfBytes) {
  ops::EventBus bus(io_.get_executor(), clock_);
  bus.declare({ops::topic<Done>("topology.node_state", "a node changed")});
  auto slow = *bus.subscribe({}, {}, 100'000);
  constexpr std::size_t mib = 1 << 20;
  for (int i = 0; i < 100; ++i) bus.publish("topology.node_state", Done{std::string(mib, 'x')});
  std::size_t bytes = 0;
  while (auto delivery = slow->try_next())
    if (auto* event = std::get_if<ops::EventPtr>(&*delivery)) bytes += (*event)->weight();
  EXPECT_LE(bytes, ops::EventBus::kept_bytes);
  EXPECT_GT(bytes, ops::EventBus::kept_bytes / 2);
}

// An operator of one family who deleted 10,000 nodes made the daemon miss that others were DOWN.
TEST_F(EventsTest, ABurstOfOneFamilyTakesNoEventOfAnotherFromAListenerInside) {
  auto outside = *bus_.subscribe({"alarms"});
  auto inside = *bus_.subscribe_inside({"alarms", "topology"});
  bus_.publish("alarms.raised", Inner{});
  publish(10'000);
  EXPECT_EQ(drain(*outside), "gap:1");
  EXPECT_EQ(inside->waiting(), 10'001u);
  EXPECT_EQ(inside->lost(), 0u);
  EXPECT_EQ(std::get<ops::EventPtr>(*inside->try_next())->topic, "alarms.raised");
}

TEST_F(EventsTest, AListenerInsideReadsForAWholeTurn) {
  auto inside = *bus_.subscribe_inside({});
  publish(1000);
  int heard = 0;
  TaskGroup group(io_.get_executor());
  auto nothing = []() -> asio::awaitable<void> { co_return; };
  group.spawn("listener", ops::hear(
                              "test", *inside, [&](auto&) { ++heard; }, nothing));
  for (int turns = 0; turns < 4; ++turns) io_.poll_one();
  EXPECT_GT(heard, 200);
  io_.poll();
  EXPECT_EQ(heard, 1000);
}

TEST_F(EventsTest, WhatAListenerMissedIsMadeGoodFromThePresentStates) {
  auto inside = *bus_.subscribe_inside({}, 3);
  publish(10);
  inside->try_next();
  inside->try_next();
  publish(10);  // one more fits, then there is a second gap
  std::string seen;
  TaskGroup group(io_.get_executor());
  auto heard = [&](const ops::Event& event) { seen += std::to_string(event.seq) + " "; };
  auto make_good = [&]() -> asio::awaitable<void> {
    seen += "good ";
    if (bus_.last_seq() == 20) publish(1);  // meanwhile: heard after it
    co_return;
  };
  group.spawn("listener", ops::hear("test", *inside, heard, make_good));
  io_.poll();
  EXPECT_EQ(seen, "3 11 good 21 ") << "once, and after what was waiting";
  EXPECT_EQ(inside->lost(), 16u);
  publish(1);
  io_.poll();
  EXPECT_EQ(seen, "3 11 good 21 22 ");
}

TEST_F(EventsTest, AListenerInsideHoldsUpToANumberOfBytes) {
  auto inside = *bus_.subscribe_inside({});
  constexpr std::size_t mib = 1 << 20;
  for (int i = 0; i < 60; ++i) bus_.publish("topology.node_state", Done{std::string(mib, 'x')});
  std::size_t bytes = 0, lost = 0;
  while (auto delivery = inside->try_next()) {
    if (auto* event = std::get_if<ops::EventPtr>(&*delivery))
      bytes += (*event)->weight();
    else
      lost += std::get<ops::Gap>(*delivery).lost;
  }
  EXPECT_GT(lost, 0u);
  EXPECT_LE(bytes, ops::EventBus::most_inside_bytes + 4 * mib);
  EXPECT_GT(bytes, ops::EventBus::most_inside_bytes / 2);
  publish(1);
  EXPECT_EQ(drain(*inside), "61") << "there is room again";
}

TEST_F(EventsTest, ResumeAfterASequenceNumber) {
  publish(3);
  EXPECT_EQ(drain(**bus_.subscribe({}, 1)), "2 3");
  EXPECT_EQ(drain(**bus_.subscribe({}, 3)), "");
  publish(5);
  EXPECT_EQ(drain(**bus_.subscribe({}, 1)), "gap:2 4 5 6 7 8");
  EXPECT_EQ(drain(**bus_.subscribe({}, 3)), "4 5 6 7 8");
  EXPECT_EQ(drain(**bus_.subscribe({}, 900)), "gap:0 4 5 6 7 8") << "of another life of the daemon";
}

TEST_F(EventsTest, HaveOneFormPerDoor) {
  auto subscription = *bus_.subscribe({});
  bus_.publish("topology.node_state", Done{"x"});
  auto event = std::get<ops::EventPtr>(*subscription->try_next());
  EXPECT_EQ(
      event->frame(),
      R"({"topic":"topology.node_state","seq":1,"at":"2026-11-21T08:15:30.123Z","data":{"said":"x"}})");
  auto* map = event->term().get_if<etf::Map>();
  EXPECT_EQ(*map->find("at"), etf::Term(std::int64_t{1795248930123}));
  EXPECT_EQ(event->as<Done>()->said, "x");
  EXPECT_EQ(event->as<Inner>(), nullptr);
}

TEST_F(EventsTest, AWaiterIsWokenByTheNextEvent) {
  auto subscription = *bus_.subscribe({});
  std::string seen;
  TaskGroup group(io_.get_executor());
  auto loop = [](ops::Subscription& subscription, std::string& seen) -> asio::awaitable<void> {
    for (;;) {
      auto delivery = co_await subscription.next();
      if (!delivery) {
        seen += " end";
        co_return;
      }
      seen += std::to_string(std::get<ops::EventPtr>(*delivery)->seq);
    }
  };
  group.spawn("waiter", loop(*subscription, seen));
  io_.poll();
  publish(2);
  io_.poll();
  publish(1);
  io_.poll();
  EXPECT_EQ(seen, "123");
  bus_.close();
  io_.poll();
  EXPECT_EQ(seen, "123 end");
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(EventsTest, AWaiterCanBeCancelled) {
  auto subscription = *bus_.subscribe({});
  TaskGroup group(io_.get_executor());
  auto wait = [](ops::Subscription& subscription) -> asio::awaitable<void> {
    co_await subscription.next();
  };
  group.spawn("waiter", wait(*subscription));
  io_.poll();
  group.cancel();
  io_.poll();
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(EventsTest, AnUnsubscribedQueueIsForgotten) {
  {
    auto subscription = *bus_.subscribe({});
    EXPECT_TRUE(bus_.is_heard("topology.node_state"));
  }
  EXPECT_FALSE(bus_.is_heard("topology.node_state"));
  publish(1);
}

}  // namespace
}  // namespace muster::sample
