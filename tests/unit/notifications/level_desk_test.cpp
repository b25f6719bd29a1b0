#include "services/notifications/level_desk.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/support/stopped_nodes.h"

namespace muster::notifications {
namespace {

using namespace std::chrono_literals;

/// Nodes that are UP, as far as the desk was told.
class LevelDeskTest : public testing::Test, protected test::StoppedNodes {
 protected:
  static constexpr int count = 40;

  LevelDeskTest() {
    for (int i = 0; i < count; ++i) {
      const auto id = std::to_string(100 + i), name = "n" + id + "@h";
      adopt(id, name);
      desk.node_up(name);
    }
    told.clear();
  }

  Result<ops::json::value> set_level(const std::string& level) {
    auto operation = test::operation(desk.operations(), "set_level");
    ops::json::value request = {{"level", level}};
    ops::Caller caller{"token:operator", ops::Role::operator_, {}, {}};
    return test::finish(io, operation.call(std::move(request), std::move(caller)));
  }

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
