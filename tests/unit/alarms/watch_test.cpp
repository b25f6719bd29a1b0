#include "services/alarms/watch.h"

#include "loop.h"
#include "mesh/agents.h"

namespace muster::alarms {
namespace {

using topology::NodeState;
using topology::NodeStateEvent;

/// With nodes that nothing listens for, and an alarm node_down that does not wait.
class WatchTest : public DeskTest {
 protected:
  WatchTest() {
    events->declare(topology::Topology::topics());
    manager.attach(node, agents, topology);
    Rule rule;
    rule.id = "node_down";
    rule.kind = RuleKind::event;
    rule.source = Source::builtin;
    rule.check = "node_down";
    rule.levels.emplace_back().severity = Severity::major;
    watch = std::make_unique<Watch>(io.get_executor(), std::vector{rule}, *database, topology,
                                    *events, *desk, clock);
  }
  ~WatchTest() override {
    test::finish(io, watch->stop());
    test::finish(io, manager.stop());
    watch.reset();
  }

  void adopt(std::string id, bool is_wanted) {
    topology::NodeRow row;
    row.id = id;
    row.name = id + "@127.0.0.1";
    row.is_wanted = is_wanted;
    row.dist_port = 1;
    ASSERT_TRUE(wait(topology.adopt(row)));
  }
  void say(std::string id, NodeState state) {
    events->publish("topology.node_state", NodeStateEvent{id, {id + "@127.0.0.1"}, state, {}, {}});
  }
  /// More than the listener may hold.
  void burst() {
    for (std::size_t i = 0; i <= ops::EventBus::most_inside; ++i) say("burst", NodeState::uninit);
  }
  template <class Is>
  void run_until(Is is_so) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    io.restart();
    while (!is_so() && std::chrono::steady_clock::now() < end)
      io.run_one_for(std::chrono::milliseconds(50));
  }
  /// The nodes with alarms; those that are awaited, if they come to be so.
  std::string alarms(const std::string& awaited) {
    std::string text;
    run_until([&] {
      std::set<std::string> all;
      for (auto& [id, alarm] : desk->book().all()) all.insert(*alarm.node_id);
      text.clear();
      for (auto& name : all) text += name + " ";
      return text == awaited;
    });
    return text;
  }
  void expect_alarms(const std::string& awaited) { EXPECT_EQ(alarms(awaited), awaited); }

  store::Cipher cipher{Secret(std::string(32, 'k'))};
  mesh::NodeManager manager{io.get_executor()};
  dist::Node node{io, dist::NodeConfig{}, manager};
  mesh::Agents agents{io.get_executor(), node, std::chrono::seconds(60)};
  topology::Topology topology{*database, cipher, manager, node, *events, clock};
  std::unique_ptr<Watch> watch;
};

TEST_F(WatchTest, WhatItMissedIsMadeGoodFromThePresentStates) {
  adopt("stopped", false);
  adopt("down", true);
  run_until([&] { return manager.find("down")->reason() != mesh::DownReason::starting; });
  ASSERT_TRUE(wait(watch->start()));
  desk->raise(report("leftover", Severity::minor, "removed"));
  say("stopped", NodeState::down);
  expect_alarms("removed stopped ");
  burst();
  // That one is DOWN and the other STOPPED, and that one is gone, found no place.
  expect_alarms("down ");
}

TEST_F(WatchTest, ABurstOfOneFamilyHidesNoOtherNodeThatIsDown) {
  adopt("stopped", false);
  ASSERT_TRUE(wait(watch->start()));
  say("stopped", NodeState::down);
  for (int i = 0; i < 10'000; ++i) say("burst", NodeState::uninit);
  expect_alarms("stopped ");
}

}  // namespace
}  // namespace muster::alarms
