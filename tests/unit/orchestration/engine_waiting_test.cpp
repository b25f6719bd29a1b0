// Who waits for whom: nodes for their turn, for an upload, and for hosts that are mute.
#include <algorithm>

#include "engine_fixture.h"

namespace muster::orchestration {
namespace {

TEST_F(EngineTest, DoesNotUnpackForNodesThatAreDeletedInTheQueue) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->is_slow = true;
  auto erase = [&]() -> asio::awaitable<void> {
    auto queued = [&] {
      auto nodes = engine->fleet().of_family(catalogue->family("shop")->id);
      return std::count_if(nodes.begin(), nodes.end(), [](auto& node) { return node->is_queued; });
    };
    while (queued() < 4) co_await pause(std::chrono::milliseconds(1));
    OfFamily request{"shop"};
    (void)co_await operations->erase_family_nodes(std::move(request), admin);
    host->is_slow = false;
  };
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 12}}, erase);
  EXPECT_EQ(std::count(host->log.begin(), host->log.end(), "unpack"), 8);
  EXPECT_TRUE(engine->fleet().all().empty());
  EXPECT_THAT(host->folders, testing::IsEmpty());
}

TEST_F(EngineTest, AHostThatIsMuteTakesNoPlaceOfOthers) {
  ok("POST", "/api/orch/node_families", family);
  define_on("rack", {"10.0.0.1"});
  others.begin()->second->is_mute = true;
  begin();
  ASSERT_TRUE(wait(deploy("rack", 1100)));
  auto nodes = wait(deploy("shop", 2));
  ASSERT_TRUE(nodes) << nodes.error().text();
  for (auto& node : *nodes) ASSERT_TRUE(becomes(node, NodeState::up));
  ASSERT_TRUE(wait(engine->want(nodes->front(), Goal::stopped)));
  EXPECT_TRUE(becomes(nodes->front(), NodeState::stopped));
  ASSERT_TRUE(wait(engine->want(nodes->front(), Goal::running)));
  EXPECT_TRUE(becomes(nodes->front(), NodeState::up));
  // Deleting the mute family does not change that.
  auto rack = engine->fleet().of_family(catalogue->family("rack")->id);
  ASSERT_TRUE(wait(engine->want_all(std::move(rack), Goal::gone)));
  ASSERT_TRUE(wait(engine->want(nodes->front(), Goal::gone)));
  EXPECT_TRUE(comes_true([&] { return nodes->front()->is_gone; }));
}

TEST_F(EngineTest, ManyMuteHostsTakePlacesOfOthersForOneAttemptOnly) {
  ok("POST", "/api/orch/node_families", family);
  define_on("rack", {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"});
  for (auto& [machine, other] : others) other->loses_uploads = true;
  settings.places.usual = 4;
  settings.places.mute = 2;
  settings.attempts = 1'000'000;
  begin();
  ASSERT_TRUE(wait(deploy("rack", 60)));
  auto is_tried_twice = [&] {
    return std::all_of(others.begin(), others.end(),
                       [](auto& other) { return other.second->log.size() >= 2; });
  };
  ASSERT_TRUE(comes_true(is_tried_twice));
  for (auto& [machine, other] : others) other->is_upload_slow = true;  // and not a word more
  auto nodes = wait(deploy("shop", 6));
  ASSERT_TRUE(nodes) << nodes.error().text();
  for (auto& node : *nodes) ASSERT_TRUE(becomes(node, NodeState::up));
  // They are as good as the others once they are heard.
  for (auto& [machine, other] : others) other->loses_uploads = other->is_upload_slow = false;
  auto is_arrived = [&] {
    auto rack = engine->fleet().of_family(catalogue->family("rack")->id);
    return std::all_of(rack.begin(), rack.end(),
                       [](auto& node) { return node->row.reached >= Reached::unpacked; });
  };
  EXPECT_TRUE(comes_true(is_arrived));
}

TEST_F(EngineTest, NodesThatAreThereDoNotWaitForTheUploadsOfNewOnes) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  auto nodes = wait(deploy("shop", 1));
  ASSERT_TRUE(nodes && becomes(nodes->front(), NodeState::up));
  ops::Blob bytes;
  bytes.pieces.push_back(packed({{"etc/vm.args", "-name x\n"}, {"bin/start", "another"}}));
  ops::BlobSource other(std::move(bytes));
  ASSERT_TRUE(wait(releases->upload(ById{"shop"}, admin, other)));
  host->is_upload_slow = true;
  ASSERT_TRUE(wait(deploy("shop", 2 * settings.places.new_per_host)));
  ASSERT_TRUE(wait(engine->want(nodes->front(), Goal::stopped)));
  EXPECT_TRUE(becomes(nodes->front(), NodeState::stopped));
}

TEST_F(EngineTest, WhoWaitedForAnUploadThatFailedSharesItsFailure) {
  ok("POST", "/api/orch/node_families", family);
  settings.attempts = 1;
  begin();
  host->loses_uploads = true;
  call("POST", "/api/orch/node_families/shop/nodes", json::object{{"amount", 20}});
  for (auto& [id, node] : engine->fleet().all()) {
    EXPECT_EQ(engine->state_of(node->row), NodeState::error);
    EXPECT_THAT(node->row.failure.message, testing::HasSubstr("no word from it"));
  }
  EXPECT_EQ(std::count(host->log.begin(), host->log.end(), "upload"), 1);
  // Who asks afterwards has an attempt of its own.
  host->loses_uploads = false;
  call("POST", "/api/orch/nodes/" + only_id() + "/retry");
  EXPECT_EQ(only_state(), NodeState::up);
}

TEST_F(EngineTest, ANodeThatWaitsForItsTurnIsDeletedAtOnce) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  host->is_mute = true;
  auto nodes = wait(deploy("shop", settings.places.new_per_host + 8));
  ASSERT_TRUE(nodes) << nodes.error().text();
  auto last = nodes->back();
  ASSERT_TRUE(comes_true([&] { return last->is_queued; }));
  ASSERT_TRUE(wait(engine->want(last, Goal::gone)));
  EXPECT_TRUE(comes_true([&] { return !engine->fleet().find(last->row.id); }));
  EXPECT_THAT(host->log, testing::ElementsAre("upload"));
  host->is_mute = false;
  die_and_return();
  EXPECT_FALSE(engine->fleet().find(last->row.id));
}

}  // namespace
}  // namespace muster::orchestration
