#include "services/commands/commands.h"

#include <gtest/gtest.h>

#include "tests/unit/support/loop.h"

namespace muster::commands {
namespace {

namespace json = boost::json;

struct Service {
  asio::io_context io{1};
  SystemClock clock;
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  ops::EventBus events{io.get_executor(), clock};
  mesh::NodeManager manager{io.get_executor()};
  dist::Node node{io, dist::NodeConfig{}, manager};
  topology::Topology topology{*database, cipher, manager, node, events, clock};
  Commands commands{*database, cipher, topology, manager, clock, nullptr};

  /// A stopped node: it is not dialled.
  Service() {
    events.declare(topology::Topology::topics());
    topology::NodeRow row;
    row.id = "1";
    row.name = "a@h";
    row.is_wanted = false;
    EXPECT_TRUE(test::finish(io, topology.adopt(row)));
  }
  Result<json::value> run_on(json::array nodes) {
    for (auto& operation : commands.operations()) {
      if (operation.row().name != "run") continue;
      json::value request = {{"module", "m"}, {"function", "f"}, {"nodes", std::move(nodes)}};
      ops::Caller caller{"token:admin", ops::Role::admin, {}, {}};
      return test::finish(io, operation.call(std::move(request), std::move(caller)));
    }
    return Error(Errc::not_found, "no operation");
  }
};

// What erlang:get_cookie/0 answered could be read by viewers.
TEST(Commands, WhoMayNotRunDoesNotReadWhatWasAnswered) {
  Service service;
  for (auto& operation : service.commands.operations()) {
    EXPECT_EQ(operation.row().role, ops::Role::admin) << operation.full_name();
    EXPECT_EQ(operation.row().limits_itself, operation.row().name == "run");
  }
}

// One node was named 60,000 times, and each time was looked up.
TEST(Commands, ANodeIsAskedOnceHoweverOftenItIsNamed) {
  Service service;
  json::array nodes(9'999, json::value("a@h"));
  nodes.push_back("1");
  auto answer = service.run_on(nodes);
  ASSERT_TRUE(answer) << answer.error().text();
  auto& results = answer->at("results").as_array();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].at("id"), "1");
  EXPECT_EQ(results[0].at("outcome"), "down");
}

TEST(Commands, MoreThanTenThousandNodesAreTooMany) {
  Service service;
  auto refused = service.run_on(json::array(10'001, json::value("a@h")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::too_large);
  EXPECT_EQ(refused.error().field, "/nodes");
}

}  // namespace
}  // namespace muster::commands
