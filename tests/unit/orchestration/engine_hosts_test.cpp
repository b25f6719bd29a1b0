// What lies on the hosts: when it goes, what is there again, and who must not lose sight of it.
#include <algorithm>

#include "engine_fixture.h"

namespace muster::orchestration {
namespace {

TEST_F(EngineTest, RemovesEverythingWithTheLastNode) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 2}});
  EXPECT_EQ(refused("DELETE", "/api/orch/node_families/shop").errc(), Errc::conflict);
  call("DELETE", "/api/orch/nodes/" + only_id());
  EXPECT_EQ(host->files.size(), 1u);
  call("DELETE", "/api/orch/node_families/shop/nodes");
  EXPECT_TRUE(engine->fleet().all().empty());
  EXPECT_TRUE(host->files.empty());
  EXPECT_TRUE(host->folders.empty());
  EXPECT_TRUE(host->running.empty());
  EXPECT_TRUE(manager.kept.empty());
}

TEST_F(EngineTest, UploadsAgainWhatSomebodyRemovedFromTheHost) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  host->files.clear();
  call("POST", "/api/orch/node_families/shop/nodes");
  EXPECT_EQ(host->running.size(), 2u);
  EXPECT_EQ(std::count(host->log.begin(), host->log.end(), "upload"), 2);
}

TEST_F(EngineTest, ANodeKeepsItsArchiveWhenItsReleaseGetsAnother) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->failing["tar -xzof"] = "no space";
  call("POST", "/api/orch/node_families/shop/nodes");
  ASSERT_EQ(only_state(), NodeState::error);
  const auto size = host->uploaded;
  ops::Blob bytes;
  bytes.pieces.push_back(
      packed({{"shop-2/etc/vm.args", "-name x\n"}, {"shop-2/bin/start", std::string(9999, 'x')}}));
  ops::BlobSource other(std::move(bytes));
  ASSERT_TRUE(wait(releases->upload(ById{"shop"}, admin, other)));
  ASSERT_EQ(catalogue->release("shop")->strip_components, 1u);
  die_and_return();
  host->failing.clear();
  host->files.clear();
  host->uploaded = 0;
  call("POST", "/api/orch/nodes/" + only_id() + "/retry");
  EXPECT_EQ(only_state(), NodeState::up);
  EXPECT_EQ(host->uploaded, size);
  EXPECT_THAT(host->unpack, testing::HasSubstr("--strip-components=0\n"));
}

TEST_F(EngineTest, AProviderKeepsTheMachinesOnWhichSomethingLies) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  ok("PATCH", "/api/orch/providers/here", json::object{{"folder", "/srv/a"}});
  call("POST", "/api/orch/node_families/shop/nodes");
  ASSERT_EQ(only_state(), NodeState::up);
  auto error = refused("PATCH", "/api/orch/providers/here", json::object{{"folder", "/srv/b"}});
  EXPECT_EQ(error.errc(), Errc::conflict);
  EXPECT_THAT(error.message, testing::HasSubstr("machine 'local' there is 1 deployed node"));
  ok("PATCH", "/api/orch/providers/here", json::object{{"description", "mine"}});
  call("DELETE", "/api/orch/node_families/shop/nodes");
  ok("PATCH", "/api/orch/providers/here", json::object{{"folder", "/srv/b"}});
}

TEST_F(EngineTest, AProviderKeepsTheServersAndUsersOfItsNodes) {
  ok("POST", "/api/orch/providers",
     {{"name", "rack"}, {"type", "physical"}, {"servers", {"10.0.0.1", "10.0.0.2"}}});
  family["domains"] = json::array{json::object{{"provider", "rack"}, {"ssh_user", "erl"}}};
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  const auto path = "/api/orch/providers/rack";
  auto servers = [](json::value list) { return json::object{{"servers", std::move(list)}}; };
  auto gone = refused("PATCH", path, servers({"10.0.0.2"}));
  EXPECT_EQ(gone.errc(), Errc::conflict);
  EXPECT_THAT(gone.message, testing::HasSubstr("10.0.0.1:22"));
  auto as = [](const char* user) {
    return json::value(json::array{json::object{{"host", "10.0.0.1"}, {"user", user}}});
  };
  EXPECT_EQ(refused("PATCH", path, servers(as("other"))).errc(), Errc::conflict);
  ok("PATCH", path, servers(as("erl")));  // as before, and the unused one goes
}

TEST_F(EngineTest, ForgetsANodeWhoseHostIsGoneForGood) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  host->unreachable = 1'000'000;
  call("DELETE", "/api/orch/nodes/" + only_id());
  ASSERT_EQ(only_state(), NodeState::error);
  const auto id = only_id();
  call("DELETE", "/api/orch/nodes/" + id, json::object{{"forget", true}});
  ASSERT_TRUE(reply && *reply) << reply->error().text();
  auto left = std::string((*reply)->at("left_behind").as_string());
  EXPECT_THAT(left, testing::HasSubstr(id));
  EXPECT_THAT(left, testing::HasSubstr(".tar.gz"));
  EXPECT_TRUE(engine->fleet().all().empty());
  EXPECT_TRUE(manager.kept.empty());
  die_and_return();
  EXPECT_TRUE(engine->fleet().all().empty());
  ok("DELETE", "/api/orch/node_families/shop");
  ok("DELETE", "/api/orch/providers/here");
}

TEST_F(EngineTest, ForgetsANodeThatIsBeingDeployed) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  manager.is_stuck = true;
  bool is_forgotten = false;
  auto forget = [&]() -> asio::awaitable<void> {
    while (!host->folders.contains(only_id())) co_await pause(std::chrono::milliseconds(1));
    DeleteNode request;
    request.id = only_id();
    request.forget = true;
    is_forgotten = (co_await operations->erase(std::move(request), admin)).has_value();
  };
  call("POST", "/api/orch/node_families/shop/nodes", json::object(), forget);
  EXPECT_TRUE(is_forgotten);
  EXPECT_TRUE(engine->fleet().all().empty());
  EXPECT_TRUE(manager.kept.empty());
}

}  // namespace
}  // namespace muster::orchestration
