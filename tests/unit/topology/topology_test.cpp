#include "services/topology/topology.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

#include "tests/unit/support/stopped_nodes.h"

namespace muster::topology {
namespace {

/// The row of a node in memory and in the database.
class TopologyRows : public testing::Test, protected test::StoppedNodes {
 protected:
  TopologyRows() { adopt("1", "a@h"); }

  static Task<> nothing() { co_return Result<>(); }
  /// Begins one, and the other while the first waits for the database.
  void both(Task<> first, Task<> second) {
    for (auto* task : {&first, &second})
      asio::co_spawn(io, std::move(*task), [](std::exception_ptr thrown, Result<>) {
        if (thrown) std::rethrow_exception(thrown);
      });
    io.restart();
    io.run();
  }

  Task<> patch() {
    auto operation = test::operation(topology.operations(), "update_node");
    ops::json::value args = {{"id", "a@h"}, {"agents", "none"}, {"cookie", "new"}};
    ops::Caller caller{"token:admin", ops::Role::admin, {}, {}};
    CO_TRYV(co_await operation.call(std::move(args), std::move(caller)));
    co_return Result<>();
  }
  Task<> come_up() {
    mesh::NodeSpec spec;
    spec.id = "1";
    mesh::NodeFacts facts{"25", "13.0", "x86_64", "shop", "1.0", Timestamp{}, 7};
    co_return co_await topology.node_up(spec, facts, false);
  }

  /// What memory says, and what a daemon started now would read.
  std::vector<Result<NodeRow>> rows() {
    Topology after(*database, cipher, manager, node, events, clock);
    both(after.start(), nothing());
    return {topology.find("1"), after.find("1")};
  }
};

TEST_F(TopologyRows, ANodeThatComesUpDuringAChangeLosesNeither) {
  for (bool is_up_first : {true, false}) {
    SCOPED_TRACE(is_up_first);
    if (is_up_first)
      both(come_up(), patch());
    else
      both(patch(), come_up());
    for (auto& row : rows()) {
      ASSERT_TRUE(row);
      EXPECT_EQ(row->agents, Agents::none);
      EXPECT_EQ(row->cookie.reveal(), "new");
      EXPECT_EQ(row->family, "shop 1.0");
      ASSERT_TRUE(row->facts);
      EXPECT_EQ(row->facts->creation, 7U);
    }
    both(topology.drop("1"), nothing());
    adopt("1", "a@h");
  }
}

TEST_F(TopologyRows, AChangeDoesNotBringBackANodeThatIsDroppedMeanwhile) {
  both(topology.drop("1"), patch());
  for (auto& row : rows()) EXPECT_FALSE(row);
  EXPECT_FALSE(topology.has("a@h"));
}

// Whoever may add nodes could fill memory and disk with names.
TEST_F(TopologyRows, TwentyThousandAreAddedAndTheOthersAreDeployed) {
  const auto most = 20'000;
  auto fill = [&]() -> Task<> {
    auto job = [&](store::Connection& db) {
      return db.execute(fmt::format(
          "WITH RECURSIVE numbers(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM numbers WHERE i < {})"
          " INSERT INTO nodes (id, name, origin, role, tls, agents, wanted, added_at)"
          " SELECT i, 'n' || i || '@h', origin, role, tls, agents, 0, 0 FROM numbers, nodes",
          most));
    };
    co_return co_await database->write(job);
  };
  both(fill(), nothing());
  Topology full(*database, cipher, manager, node, events, clock);
  both(full.start(), nothing());
  ASSERT_TRUE(full.has("n20000@h"));
  auto adopt = [&](const std::string& id, Origin origin) -> Task<> {
    NodeRow row;
    row.id = id;
    row.name = id + "@h";
    row.origin = origin;
    row.is_wanted = false;
    return full.adopt(std::move(row));
  };
  Result<> more;
  auto try_more = [&]() -> Task<> {
    more = co_await adopt("more", Origin::added);
    co_return Result<>();
  };
  both(try_more(), nothing());
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().errc(), Errc::quota);
  EXPECT_NE(more.error().message.find("topology.remove_node"), std::string::npos);
  EXPECT_FALSE(full.has("more@h"));
  both(adopt("deployed", Origin::deployed), nothing());
  EXPECT_TRUE(full.has("deployed@h"));
  both(full.drop("1"), nothing());
  both(try_more(), nothing());
  EXPECT_TRUE(more) << "there is room again";
}

TEST_F(TopologyRows, AChangeThatIsUnderWayIsNotTheEndOfADrop) {
  both(patch(), topology.drop("1"));
  for (auto& row : rows()) EXPECT_FALSE(row);
}

}  // namespace
}  // namespace muster::topology
