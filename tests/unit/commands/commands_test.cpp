#include "services/commands/commands.h"

#include <gtest/gtest.h>

#include "tests/unit/support/stopped_nodes.h"

namespace muster::commands {
namespace {

namespace json = boost::json;

struct Service : test::StoppedNodes {
  Commands commands{*database, cipher, topology, manager, clock, nullptr};

  Service() { adopt("1", "a@h"); }

  Result<json::value> run_on(json::array nodes) {
    auto operation = test::operation(commands.operations(), "run");
    json::value request = {{"module", "m"}, {"function", "f"}, {"nodes", std::move(nodes)}};
    ops::Caller caller{"token:admin", ops::Role::admin, {}, {}};
    return test::finish(io, operation.call(std::move(request), std::move(caller)));
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
