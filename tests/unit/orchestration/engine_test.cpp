#include <algorithm>

#include "engine_fixture.h"

namespace muster::orchestration {
namespace {

TEST_F(EngineTest, DeploysConnectsAndHandsOver) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 3}});
  ASSERT_TRUE(reply && *reply) << reply->error().text();
  auto& items = (*reply)->at("items").as_array();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].at("state").as_string(), "UNINIT");
  EXPECT_EQ(host->running.size(), 3u);
  EXPECT_EQ(manager.kept.size(), 3u);
  EXPECT_EQ(std::count(host->log.begin(), host->log.end(), "upload"), 1);
  EXPECT_EQ(manager.connections.size(), 2u);  // but for the first
  EXPECT_EQ(only_state(), NodeState::up);
}

TEST_F(EngineTest, LeavesNodesStoppedWithoutAutostart) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"autostart", false}});
  EXPECT_EQ(only_state(), NodeState::stopped);
  EXPECT_TRUE(host->running.empty());
  call("POST", "/api/orch/nodes/" + only_id() + "/start");
  EXPECT_EQ(only_state(), NodeState::up);
  call("POST", "/api/orch/nodes/" + only_id() + "/stop");
  EXPECT_EQ(only_state(), NodeState::stopped);
  EXPECT_TRUE(host->running.empty());
}

TEST_F(EngineTest, EndsInErrorWithWhatToDoAndGoesOnFromThere) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->failing["START"] = "no such file";
  call("POST", "/api/orch/node_families/shop/nodes");
  EXPECT_EQ(only_state(), NodeState::error);
  call("GET", "/api/orch/nodes/" + only_id());
  auto& error = (*reply)->at("error");
  EXPECT_EQ(error.at("step").as_string(), "start");
  EXPECT_EQ(error.at("output").as_string(), "no such file");
  EXPECT_FALSE(error.at("remedy").as_string().empty());
  host->failing.clear();
  host->log.clear();
  call("POST", "/api/orch/nodes/" + only_id() + "/retry");
  EXPECT_EQ(only_state(), NodeState::up);
  EXPECT_THAT(host->log, testing::ElementsAre("start"));
}

TEST_F(EngineTest, TriesAgainAHostThatCannotBeReachedForAMoment) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->unreachable = 2;
  call("POST", "/api/orch/node_families/shop/nodes");
  EXPECT_EQ(only_state(), NodeState::up);
}

TEST_F(EngineTest, JoinsByTheFamilysScriptOnce) {
  family["bootstrap_strategy"] = "custom";
  family["bootstrap_strategy_opts"] = json::object{{"cmd", "JOIN"}};
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 2}});
  ASSERT_EQ(host->joined.size(), 1u);
  call("POST", "/api/orch/node_families/shop/restart");
  EXPECT_EQ(host->joined.size(), 1u);
  EXPECT_EQ(host->running.size(), 2u);
}

TEST_F(EngineTest, GoesOnWithAJoinWhoseConnectionWasLost) {
  family["bootstrap_strategy"] = "custom";
  family["bootstrap_strategy_opts"] = json::object{{"cmd", "JOIN"}};
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->lost["JOIN"] = 1;
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 3}});
  EXPECT_EQ(host->joined.size(), 2u);
  EXPECT_EQ(manager.kept.size(), 3u);
}

TEST_F(EngineTest, DisablesTheUnitOfASystemdNodeThatDoesNotRun) {
  ok("PATCH", "/api/orch/releases/shop", json::object{{"start_mode", "systemd"}});
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  ASSERT_EQ(host->enabled.size(), 1u);
  host->running.clear();
  call("POST", "/api/orch/nodes/" + only_id() + "/stop");
  EXPECT_EQ(only_state(), NodeState::stopped);
  EXPECT_THAT(host->enabled, testing::IsEmpty());
}

TEST_F(EngineTest, DoesNotDeployOnAProviderThatIsOnlyStored) {
  json::object cloud{{"name", "ec2"}, {"type", "ec2"}, {"username", "u"}, {"password", "p"}};
  ok("POST", "/api/orch/providers", cloud);
  family["domains"] = json::array{json::object{{"provider", "ec2"}}};
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  EXPECT_EQ(reply->error().errc(), Errc::unsupported);
}

TEST_F(EngineTest, ConvergesWhereverTheDaemonDies) {
  ok("POST", "/api/orch/node_families", family);
  auto play = [this] {
    call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 2}});
    if (rows->is_dead) return;
    call("POST", "/api/orch/node_families/shop/stop");
    if (rows->is_dead) return;
    call("POST", "/api/orch/nodes/" + only_id() + "/start");
    if (rows->is_dead) return;
    call("DELETE", "/api/orch/node_families/shop/nodes");
  };
  begin();
  play();
  const int writes = rows->writes;
  EXPECT_GT(writes, 40);
  for (int at = 1; at <= writes; ++at) {
    for (bool before : {true, false}) {
      SCOPED_TRACE(testing::Message() << (before ? "before" : "after") << " write " << at);
      end();
      CatalogueTest::start();
      begin();
      rows->dies_at = at;
      rows->dies_before = before;
      play();
      ASSERT_TRUE(rows->is_dead);
      die_and_return();
      std::set<std::string> known, wanted;
      for (auto& [id, node] : engine->fleet().all()) {
        known.insert(id);
        EXPECT_NE(only_state(), NodeState::error) << node->row.failure.message;
        if (node->row.goal == Goal::running) wanted.insert(id);
      }
      EXPECT_EQ(host->folders, known);
      EXPECT_EQ(host->running, wanted);
      EXPECT_EQ(host->files.size(), known.empty() ? 0u : 1u);
      EXPECT_EQ(host->started_twice, 0);
      call("DELETE", "/api/orch/node_families/shop/nodes");
      EXPECT_TRUE(engine->fleet().all().empty());
      EXPECT_THAT(host->folders, testing::IsEmpty());
      EXPECT_THAT(host->running, testing::IsEmpty());
      EXPECT_THAT(host->files, testing::IsEmpty()) << testing::PrintToString(host->log);
      host->log.clear();
    }
  }
}

}  // namespace
}  // namespace muster::orchestration
