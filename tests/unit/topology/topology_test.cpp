#include "services/topology/topology.h"

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

TEST_F(TopologyRows, AChangeThatIsUnderWayIsNotTheEndOfADrop) {
  both(patch(), topology.drop("1"));
  for (auto& row : rows()) EXPECT_FALSE(row);
}

}  // namespace
}  // namespace muster::topology
