#pragma once

#include <gmock/gmock.h>

#include "catalogue_fixture.h"
#include "fake_world.h"
#include "services/orchestration/engine.h"
#include "services/orchestration/events.h"
#include "services/orchestration/node_operations.h"
#include "services/topology/topology.h"

namespace muster::orchestration {

using topology::NodeState;

/// The engine with its operations over the catalogue, on hosts that are made up: a provider "here",
/// a release "shop", and a family "shop" that a test may change before it stores it. The daemon's
/// lives, from begin() to end(), have the database and the hosts in common.
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

}  // namespace muster::orchestration
