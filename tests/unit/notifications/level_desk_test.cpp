#include "services/notifications/level_desk.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/support/loop.h"

namespace muster::notifications {
namespace {

using namespace std::chrono_literals;

/// Nodes that are UP, as far as the desk was told. The topology's are stopped: nothing is dialled.
class LevelDeskTest : public testing::Test {
 protected:
  static constexpr int count = 40;

  LevelDeskTest() {
    events.declare(topology::Topology::topics());
    for (int i = 0; i < count; ++i) {
      topology::NodeRow row;
      row.id = std::to_string(100 + i);
      row.name = "n" + row.id + "@h";
      row.is_wanted = false;
      EXPECT_TRUE(test::finish(io, topology.adopt(row)));
      desk.node_up(row.name);
    }
    told.clear();
  }

  Result<ops::json::value> set_level(const std::string& level) {
    for (auto& operation : desk.operations()) {
      if (operation.row().name != "set_level") continue;
      ops::json::value request = {{"level", level}};
      ops::Caller caller{"token:operator", ops::Role::operator_, {}, {}};
      return test::finish(io, operation.call(std::move(request), std::move(caller)));
    }
    return Error(Errc::not_found, "no operation");
  }

  asio::io_context io{1};
  SystemClock clock;
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  ops::EventBus events{io.get_executor(), clock};
  mesh::NodeManager manager{io.get_executor()};
  dist::Node node{io, dist::NodeConfig{}, manager};
  topology::Topology topology{*database, cipher, manager, node, events, clock};
  std::vector<std::string> told;
  std::function<void()> on_told = [] {};
  LevelDesk desk{*database, topology, 10, [this](const std::string& name, etf::Map) {
                   told.push_back(name);
                   on_told();
                 }};
};

TEST_F(LevelDeskTest, EveryNodeThatIsUpIsToldAtOnce) {
  desk.node_gone("n105@h");
  ASSERT_TRUE(set_level("info"));
  EXPECT_EQ(told.size(), count - 1u);
  EXPECT_EQ(std::count(told.begin(), told.end(), "n105@h"), 0);
}

// 10,000 of them were told in one go.
TEST_F(LevelDeskTest, OthersHaveTheirTurnWhileNodesAreTold) {
  bool has_asked = false;
  std::size_t told_before_other = 0;
  on_told = [&] {
    std::this_thread::sleep_for(2ms);
    if (std::exchange(has_asked, true)) return;
    asio::post(io, [&] {
      told_before_other = told.size();
      desk.node_gone(told.back());  // the one it is at
      desk.node_gone("n139@h");
    });
  };
  ASSERT_TRUE(set_level("info"));
  EXPECT_LT(told_before_other, count / 2u);
  EXPECT_EQ(told.size(), count - 1u);
  EXPECT_EQ(std::count(told.begin(), told.end(), "n139@h"), 0);
}

}  // namespace
}  // namespace muster::notifications
