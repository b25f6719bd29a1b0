// What the operation table says of every row, in the document that is made of it: a new operation
// is in one of these lists, or somebody decides.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

namespace muster::access {
namespace {

namespace json = boost::json;

/// The operations of schemas/openapi.json for which this is true.
template <class Is>
std::set<std::string> those(Is is) {
  std::ifstream in(MUSTER_SOURCE_DIR "/schemas/openapi.json");
  std::ostringstream text;
  text << in.rdbuf();
  std::set<std::string> names;
  auto document = json::parse(text.str());
  for (auto& path : document.at("paths").as_object())
    for (auto& verb : path.value().as_object()) {
      auto& operation = verb.value().as_object();
      if (operation.contains("deprecated")) continue;
      if (is(operation, std::string(verb.key())))
        names.emplace(operation.at("operationId").as_string());
    }
  return names;
}

TEST(Operations, AllThatAreNotReadingAreAudited) {
  auto not_audited = those([](const json::object& operation, const std::string& verb) {
    return verb != "get" && !operation.contains("x-muster-audited");
  });
  EXPECT_EQ(not_audited, (std::set<std::string>{"metrics.live", "muster.echo"}));
  auto reading = those([](const json::object& operation, const std::string& verb) {
    return verb == "get" && operation.contains("x-muster-audited");
  });
  EXPECT_THAT(reading, testing::IsEmpty());
}

TEST(Operations, OnlyTheseAreForBoundTokens) {
  auto bound = [](std::string members) {
    return those([members](const json::object& operation, const std::string&) {
      auto* given = operation.if_contains("x-muster-bound");
      return given && json::serialize(*given) == members;
    });
  };
  EXPECT_EQ(bound("[]"), (std::set<std::string>{"metrics.catalogue", "muster.health", "muster.help",
                                                "muster.openapi", "muster.ready"}));
  EXPECT_EQ(bound(R"(["family","node"])"),
            (std::set<std::string>{"alarms.history", "alarms.list", "metrics.latest",
                                   "metrics.list", "metrics.query", "notifications.list"}));
  EXPECT_EQ(bound(R"(["family","nodes"])"), (std::set<std::string>{"commands.run"}));
  EXPECT_EQ(
      bound(R"(["family"])"),
      (std::set<std::string>{"orchestration.delete_family_nodes", "orchestration.deploy_nodes",
                             "orchestration.list_domains", "orchestration.list_nodes",
                             "orchestration.restart_family", "orchestration.start_family",
                             "orchestration.stop_family", "topology.list_nodes"}));
  EXPECT_EQ(
      bound(R"(["id"])"),
      (std::set<std::string>{
          "orchestration.delete_node", "orchestration.get_node", "orchestration.get_node_family",
          "orchestration.restart_node", "orchestration.retry_node", "orchestration.start_node",
          "orchestration.stop_node", "topology.get_node", "topology.remove_node"}));
}

}  // namespace
}  // namespace muster::access
