#include "services/notifications/notifications.h"

#include <gtest/gtest.h>

#include "tests/unit/support/stopped_nodes.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::notifications {
namespace {

using topology::NodeState;
using topology::NodeStateEvent;

/// With a node that was stopped on purpose.
class NotificationsTest : public testing::Test, protected test::StoppedNodes {
 protected:
  NotificationsTest() {
    events.declare(Notifications::topics());
    adopt("1", "a@h");
    EXPECT_TRUE(test::finish(io, notifications.start()));
    said = *events.subscribe({"notifications"});
  }
  ~NotificationsTest() override { test::finish(io, notifications.stop()); }

  void say(const std::string& name, NodeState state) {
    events.publish("topology.node_state", NodeStateEvent{name, {name}, state, {}, {}});
  }
  /// The next thing that is said; empty where there is none.
  std::string next() {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    io.restart();
    while (said->waiting() == 0 && std::chrono::steady_clock::now() < end)
      io.run_one_for(std::chrono::milliseconds(50));
    auto delivery = said->try_next();
    if (!delivery || !std::holds_alternative<ops::EventPtr>(*delivery)) return {};
    return std::get<ops::EventPtr>(*delivery)->as<NotificationEvent>()->text;
  }

  test::TemporaryFolder folder;
  Notifications notifications{
      io.get_executor(), {folder.path, {}, {}}, *database, topology, events, clock,
      [](auto&, auto) {}};
  std::unique_ptr<ops::Subscription> said;
};

TEST_F(NotificationsTest, ABurstOfOneFamilyHidesNoOtherNodeThatIsUp) {
  say("a@h", NodeState::up);
  for (int i = 0; i < 10'000; ++i) say("burst@h", NodeState::uninit);
  EXPECT_EQ(next(), "a@h is UP");
}

TEST_F(NotificationsTest, WhatItMissedIsMadeGoodFromThePresentStates) {
  say("a@h", NodeState::up);
  EXPECT_EQ(next(), "a@h is UP");
  for (std::size_t i = 0; i <= ops::EventBus::most_inside; ++i) say("burst@h", NodeState::uninit);
  // That it is STOPPED found no place.
  EXPECT_EQ(next(), "a@h was stopped");
}

}  // namespace
}  // namespace muster::notifications
