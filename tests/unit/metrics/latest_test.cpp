#include <gtest/gtest.h>

#include "services/metrics/metrics.h"
#include "tests/unit/support/stopped_nodes.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::metrics {
namespace {

namespace json = boost::json;
using etf::atom;

/// metrics.latest of a family.
class LatestTest : public testing::Test, protected test::StoppedNodes {
 protected:
  LatestTest() {
    events.declare(Metrics::topics());
    EXPECT_TRUE(test::finish(io, metrics.start()));
  }
  ~LatestTest() override { test::finish(io, metrics.stop()); }

  /// So many nodes n0@h, n1@h … of the family "shop 1.0", each of which has sent so many values.
  void add(int nodes, int values) {
    etf::Map queues, samples, message;
    for (int i = 0; i < values; ++i)
      queues.pairs.emplace_back(etf::binary("queue" + std::to_string(i)), i);
    samples.pairs.emplace_back(atom("queues"), std::move(queues));
    message.pairs = {{atom("at"), std::int64_t{1'700'000'000'123}},
                     {atom("interval_ms"), 60'000},
                     {atom("values"), std::move(samples)}};
    etf::Term sent = std::move(message);
    for (int i = 0; i < nodes; ++i) {
      mesh::NodeSpec spec;
      spec.id = std::to_string(i);
      spec.name = "n" + spec.id + "@h";
      adopt(spec.id, spec.name);
      mesh::NodeFacts facts{"25", "13.0", "x86_64", "shop", "1.0", Timestamp{}, 7};
      EXPECT_TRUE(test::finish(io, topology.node_up(spec, facts, false)));
      metrics.from_agent(spec.name, sent);
    }
  }
  Result<json::value> latest(json::value request) {
    auto operation = test::operation(metrics.operations(), "latest");
    EXPECT_FALSE(operation.is_immediate()) << "it would be done within one turn of the loop";
    ops::Caller caller{"token:viewer", ops::Role::viewer, {}, {}};
    return test::finish(io, operation.call(std::move(request), std::move(caller)));
  }

  test::TemporaryFolder folder;
  static Metrics::Settings settings_in(const std::filesystem::path& path) {
    Metrics::Settings settings;
    settings.folder = path;
    return settings;
  }
  Metrics metrics{io.get_executor(),
                  settings_in(folder.path / "metrics"),
                  *database,
                  topology,
                  manager,
                  events,
                  clock,
                  [](auto&, auto) {}};
};

TEST_F(LatestTest, EveryNodeOfAFamilyIsAnswered) {
  add(3, 2);
  auto answer = latest({{"family", "shop 1.0"}});
  ASSERT_TRUE(answer) << answer.error().text();
  auto& items = answer->at("items").as_array();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[2].at("node"), "n2@h");
  EXPECT_EQ(items[2].at("values").as_array().size(), 2u);
}

// All of it was made in one turn, which took seconds; and a node may go in between.
TEST_F(LatestTest, OthersHaveTheirTurnWhileAFamilyIsPutTogether) {
  add(30, 5000);
  bool is_over = false, had_turn = false;
  auto other = [&]() -> asio::awaitable<void> {
    co_await asio::post(io, asio::use_awaitable);
    had_turn = !is_over;
    events.publish("topology.node_removed", topology::NodeListEvent{"9", {"n9@h"}});
  };
  asio::co_spawn(io, other(), asio::detached);
  auto answer = latest({{"family", "shop 1.0"}});
  is_over = true;
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(had_turn);
  EXPECT_EQ(answer->at("items").as_array().size(), 29u);
}

TEST_F(LatestTest, MoreThanAnAnswerHoldsIsRefused) {
  add(41, 5000);
  auto answer = latest({{"family", "shop 1.0"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().errc(), Errc::too_large);
  EXPECT_EQ(answer.error().field, "/metrics");
  auto one = latest({{"node", "n40@h"}});
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_EQ(one->at("items").at(0).at("values").as_array().size(), 5000u);
}

}  // namespace
}  // namespace muster::metrics
