#include "dist/monitor_table.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

TEST(MonitorTable, GivesEveryMonitorOfAProcessOnce) {
  MonitorTable table;
  const LocalPid server{1, 0}, other{2, 0};
  const PeerRef r1{1, 3, {1, 1, 1}}, r2{1, 3, {2, 1, 1}}, r3{1, 3, {3, 1, 1}};
  table.add(r1, {server, {9, 0, 1}, "srv", {}});
  table.add(r2, {server, {9, 0, 1}, "", {}});
  table.add(r3, {other, {9, 0, 1}, "", {}});
  EXPECT_TRUE(table.remove(r2));
  EXPECT_FALSE(table.remove(r2));
  auto taken = table.take(server);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].first, r1);
  EXPECT_EQ(taken[0].second.name, "srv");
  EXPECT_TRUE(table.take(server).empty());
  EXPECT_EQ(table.size(), 1u);
}

TEST(MonitorTable, TellsWhoWaitsThatTheMonitorWent) {
  MonitorTable table;
  const LocalPid server{1, 0};
  const PeerRef r1{1, 3, {1, 1, 1}}, r2{1, 3, {2, 1, 1}}, unknown{1, 3, {3, 1, 1}};
  table.add(r1, {server, {9, 0, 1}, "", {}});
  table.add(r2, {server, {9, 0, 1}, "", {}});
  std::string told;
  table.on_given_up(r1, [&] { told += "1"; });
  table.on_given_up(r2, [&] { told += "2"; });
  table.on_given_up(unknown, [&] { told += "?"; });
  table.remove(r2);
  table.remove(r2);
  EXPECT_EQ(told, "2");
  table.remove_all();
  table.remove_all();
  EXPECT_EQ(told, "21");
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace muster::dist
