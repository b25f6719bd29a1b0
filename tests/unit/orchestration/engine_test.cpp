#include "services/orchestration/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/all.h"
#include "base/random.h"
#include "catalogue_fixture.h"
#include "fake_world.h"
#include "services/orchestration/events.h"
#include "services/orchestration/node_operations.h"
#include "services/topology/topology.h"

namespace muster::orchestration {
namespace {

using topology::NodeState;

class EngineTest : public CatalogueTest {
 protected:
  EngineTest() {
    CatalogueTest::start();
    bus.declare(deployment_topics());
    bus.declare({ops::topic<topology::NodeStateEvent>("topology.node_state", "")});
    json::object provider{{"name", "here"}, {"type", "local"}};
    ok("POST", "/api/orch/providers", provider);
    auto archive = packed({{"etc/vm.args", "-name {{ node_name }}\n"}, {"bin/start", "x"}});
    json::object release{{"name", "shop"},
                         {"start_cmd", "START"},
                         {"stop_cmd", "STOP"},
                         {"node_name_templates", json::array{"etc/vm.args"}},
                         {"release", ops::base64_encode(archive)}};
    ok("POST", "/api/orch/releases", release);
    family = json::object{{"name", "shop"},
                          {"release", "shop"},
                          {"bootstrap_node_selection", "first"},
                          {"bootstrap_strategy", "distributed_erlang"},
                          {"domains", json::array{json::object{{"provider", "here"}}}}};
  }
  ~EngineTest() override { end(); }

  /// The daemon starts on what is in the database and on the host.
  void begin() {
    rows = std::make_unique<MortalRows>(*database, cipher);
    auto find_host = [this](const HostKey& key) -> Result<std::shared_ptr<drivers::Host>> {
      auto other = others.find(key.machine);
      return std::shared_ptr<drivers::Host>(other == others.end() ? host : other->second);
    };
    settings.first_pause = std::chrono::milliseconds(1);
    settings.stop.quiet = settings.stop.patience = std::chrono::milliseconds(0);
    settings.stop.limit = std::chrono::milliseconds(50);
    engine = std::make_unique<Engine>(io.get_executor(), pool, *rows, *catalogue, find_host,
                                      manager, bus, clock, settings);
    operations = std::make_unique<NodeOperations>(*catalogue, *engine);
    table->add(operations->operations());
  }
  void end() {
    if (!engine) return;
    auto body = [&]() -> asio::awaitable<void> { co_await engine->stop(); };
    asio::co_spawn(io, body(), asio::detached);
    rows->bury();
    io.restart();
    io.run();
    engine.reset();
  }
  /// kill -9, and a new daemon.
  void die_and_return() {
    end();
    CatalogueTest::start();
    begin();
    is_waiting = true;
    auto body = [&]() -> asio::awaitable<void> {
      (void)co_await engine->start();
      is_waiting = false;
    };
    asio::co_spawn(io, body(), asio::detached);
    settle();
  }
  /// Runs until nothing is left to do, or the daemon is dead.
  void settle() {
    io.restart();
    const auto begun = std::chrono::steady_clock::now();
    while (!rows->is_dead) {
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(20)) {
        ADD_FAILURE() << "somebody waits for ever";
        break;
      }
      auto ran = io.run_one_for(std::chrono::milliseconds(10));
      if (io.stopped()) io.restart();
      if (ran == 0 && !is_waiting && engine->is_idle()) break;
    }
  }
  /// `meanwhile` begins when the operation has answered; what it leads to goes on.
  void call(const std::string& verb, const std::string& path, json::value body = json::object(),
            std::function<asio::awaitable<void>()> meanwhile = {}) {
    auto route = table->route(verb, path);
    auto& match = std::get<ops::Table::Match>(route);
    for (auto& [name, value] : match.parameters) body.as_object()[name] = value;
    reply.reset();
    is_waiting = true;
    auto run = [this, operation = match.operation, body, &meanwhile]() -> asio::awaitable<void> {
      reply.emplace(co_await operation->call(body, admin));
      if (meanwhile) co_await meanwhile();
      is_waiting = false;
    };
    auto ended = [](std::exception_ptr) {};
    asio::co_spawn(io, run(), ended);
    settle();
    is_waiting = false;
  }
  /// A family on other hosts, which behave as `others` says.
  void define_on(const std::string& name, const std::vector<std::string>& machines) {
    json::array servers;
    for (auto& machine : machines) {
      servers.emplace_back(machine);
      others[machine + ":22"] = std::make_shared<FakeHost>();
    }
    ok("POST", "/api/orch/providers", {{"name", name}, {"type", "physical"}, {"servers", servers}});
    ok("POST", "/api/orch/node_families",
       {{"name", name},
        {"release", "shop"},
        {"domains", json::array{json::object{{"provider", name}}}}});
  }
  Task<std::vector<FleetNodePtr>> deploy(const std::string& name, std::size_t amount) {
    return engine->deploy({*catalogue->family(name), "", amount, true});
  }
  /// Whatever others do meanwhile.
  bool comes_true(std::function<bool()> what) {
    auto wait_for_it = [&]() -> asio::awaitable<bool> {
      const auto begun = std::chrono::steady_clock::now();
      while (!what()) {
        if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(5)) co_return false;
        co_await pause(std::chrono::milliseconds(1));
      }
      co_return true;
    };
    return wait(wait_for_it());
  }
  bool becomes(const FleetNodePtr& node, NodeState state) {
    return comes_true([&] { return engine->state_of(node->row) == state; });
  }
  std::string only_id() const { return engine->fleet().all().begin()->first; }
  NodeState only_state() const {
    return engine->state_of(engine->fleet().all().begin()->second->row);
  }

  DeploySettings settings;
  std::map<std::string, std::shared_ptr<FakeHost>> others;  ///< by machine
  std::shared_ptr<FakeHost> host = std::make_shared<FakeHost>();
  FakeNodeManager manager{*host};
  ops::EventBus bus{io.get_executor(), clock};
  json::object family;
  std::unique_ptr<MortalRows> rows;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<NodeOperations> operations;
  std::optional<Result<json::value>> reply;
  bool is_waiting = false;
};

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

TEST_F(EngineTest, UploadsAgainWhatSomebodyRemovedFromTheHost) {
  ok("POST", "/api/orch/node_families", family);
  begin();
  call("POST", "/api/orch/node_families/shop/nodes");
  host->files.clear();
  call("POST", "/api/orch/node_families/shop/nodes");
  EXPECT_EQ(host->running.size(), 2u);
  EXPECT_EQ(std::count(host->log.begin(), host->log.end(), "upload"), 2);
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
