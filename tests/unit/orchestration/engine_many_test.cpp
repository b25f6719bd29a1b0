// Thousands of nodes: the most there may be, and the loop meanwhile.
#include <algorithm>

#include "base/all.h"
#include "base/random.h"
#include "engine_fixture.h"

namespace muster::orchestration {
namespace {

TEST_F(EngineTest, DeploysTwentyThousandNodesTogetherAtMost) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  const auto path = "/api/orch/node_families/shop/nodes";
  call("POST", path, json::object{{"autostart", false}});
  std::vector<Deployment> others(Engine::most_nodes - 3, engine->fleet().find(only_id())->row);
  for (auto& row : others) {
    row.id = random_uuid();
    row.name = row.id + '@' + row.node_host;
  }
  ASSERT_TRUE(wait(rows->insert(others)));
  die_and_return();
  ASSERT_EQ(engine->fleet().all().size(), Engine::most_nodes - 2);
  call("POST", path, json::object{{"autostart", false}, {"amount", 3}});
  ASSERT_TRUE(reply && !*reply);
  EXPECT_EQ(reply->error().errc(), Errc::quota);
  EXPECT_THAT(reply->error().message, testing::HasSubstr("there are 19998 deployed nodes"));
  EXPECT_THAT(reply->error().message, testing::HasSubstr("delete_family_nodes"));
  EXPECT_EQ(engine->fleet().all().size(), Engine::most_nodes - 2);
  // Those that are on their way count.
  std::vector<Task<std::vector<FleetNodePtr>>> two;
  for (int i = 0; i < 2; ++i)
    two.push_back(engine->deploy({*catalogue->family("shop"), "", 2, false}));
  auto deployed = wait(all(std::move(two)));
  settle();
  EXPECT_TRUE(deployed[0]);
  ASSERT_FALSE(deployed[1]);
  EXPECT_EQ(deployed[1].error().errc(), Errc::quota);
  EXPECT_EQ(engine->fleet().all().size(), Engine::most_nodes);
  call("DELETE", "/api/orch/nodes/" + only_id());
  call("POST", path, json::object{{"autostart", false}});
  EXPECT_TRUE(reply && *reply);
}

// One token that was bound to a family could take all that all may have.
TEST_F(EngineTest, WhoIsBoundToFamiliesLeavesOthersRoomToDeploy) {
  ok("POST", "/api/orch/node_families", family);
  auto other = family;
  other["name"] = "tools";
  ok("POST", "/api/orch/node_families", other);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"autostart", false}});
  std::vector<Deployment> more(Engine::most_nodes / 2 - 2, engine->fleet().find(only_id())->row);
  for (auto& row : more) {
    row.id = random_uuid();
    row.name = row.id + '@' + row.node_host;
  }
  ASSERT_TRUE(wait(rows->insert(more)));
  die_and_return();
  const auto shop = catalogue->family("shop")->id, tools = catalogue->family("tools")->id;
  auto deploy = [&](const std::string& name, std::uint32_t amount, std::vector<std::string> bound) {
    DeployNodes request;
    request.family = name;
    request.amount = amount;
    request.autostart = false;
    ops::Caller caller{"token:ci", ops::Role::operator_, {}, {}, {}, std::move(bound)};
    auto deployed = wait(operations->deploy(std::move(request), std::move(caller)));
    settle();
    return deployed ? Error() : std::move(deployed).error();
  };
  auto refused = deploy("shop", 2, {shop});
  EXPECT_EQ(refused.errc(), Errc::quota);
  EXPECT_EQ(refused.message,
            "your families have 9999 deployed nodes, and of the 20000 that all may have 10001 are "
            "left, half of them for others: you may deploy 1 more; deploy fewer, or first delete "
            "those that nobody needs (delete_node, delete_family_nodes)");
  EXPECT_EQ(deploy("shop", 1, {shop}).message, "");
  EXPECT_EQ(deploy("shop", 1, {shop}).errc(), Errc::quota);
  EXPECT_EQ(deploy("tools", 1, {shop, tools}).errc(), Errc::quota) << "another of its families";
  EXPECT_EQ(deploy("tools", 2, {tools}).message, "");
  EXPECT_EQ(deploy("shop", 2, {}).message, "") << "bound to none";
  // Those that are on their way count.
  std::vector<Task<std::vector<FleetNodePtr>>> two;
  for (int i = 0; i < 2; ++i)
    two.push_back(engine->deploy({*catalogue->family("tools"), "", 4000, false, {tools}}));
  auto deployed = wait(all(std::move(two)));
  EXPECT_TRUE(deployed[0]);
  EXPECT_FALSE(deployed[1]);
}

TEST_F(EngineTest, OthersHaveTheirTurnWhileManyNodesAreDeployedAndChanged) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->is_slow = true;  // the nodes wait
  constexpr std::size_t amount = 5000;
  bool is_over = false, has_seen_some = false;
  int most_begun = 0;
  auto look = [&]() -> asio::awaitable<void> {
    while (!is_over) {
      const int before = rows->writes;
      co_await asio::post(io, asio::use_awaitable);
      const auto there = engine->fleet().all().size();
      if (there > 0 && there < amount) has_seen_some = true;
      most_begun = std::max(most_begun, rows->writes - before);
    }
  };
  auto deploy_and_stop = [&]() -> Task<> {
    DeployOrder order{*catalogue->family("shop"), "", amount, true};
    CO_TRY(auto nodes, co_await engine->deploy(std::move(order)));
    EXPECT_EQ(nodes.size(), amount);
    EXPECT_EQ(engine->fleet().of_family(nodes[0]->row.family_id), nodes);  // oldest first
    CO_TRYV(co_await engine->want_all(nodes, Goal::stopped));
    for (auto& node : nodes) EXPECT_EQ(node->row.goal, Goal::stopped);
    co_return Result<>();
  };
  asio::co_spawn(io, look(), asio::detached);
  auto done = wait(deploy_and_stop());
  is_over = true;
  EXPECT_TRUE(done) << done.error().text();
  EXPECT_TRUE(has_seen_some);
  EXPECT_LT(most_begun, static_cast<int>(amount) / 2);  // 1,024 nodes are worked on at once
  io.restart();
  io.poll();  // `look` ends
}

}  // namespace
}  // namespace muster::orchestration
