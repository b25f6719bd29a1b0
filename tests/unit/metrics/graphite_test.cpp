#include "services/metrics/graphite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace muster::metrics {
namespace {

TEST(Graphite, PathsHaveDotsWhereTheTemplateHasThem) {
  store::Series series{"dist.queue", "peer=\"b@10.0.0.2\"", "gauge", ""};
  EXPECT_EQ(graphite_path("muster.{family}.{node}.{metric}", "my shop", "a@10.0.0.1", series),
            "muster.my_shop.a_10_0_0_1.dist.queue.peer_b_10_0_0_2");
  EXPECT_EQ(graphite_path("{metric}{x}", "", "", {"folsom.wait", "", "histogram", "p99"}),
            "folsom.wait.p99{x}");
}

// Asio's resolver did: a daemon whose name service was silent ended when that gave up.
TEST(Graphite, ItsEndWaitsForNoLookUp) {
  asio::io_context io;
  std::vector<std::string> asked;
  Resolver::Done pending;  // nobody answers
  auto look_up = [&](const std::string& host, HostIs, Resolver::Done done) {
    asked.push_back(host);
    pending = std::move(done);
  };
  GraphiteSettings settings;
  settings.host = "carbon.example";
  Graphite graphite(io.get_executor(), settings, look_up);
  graphite.start();
  io.poll();
  EXPECT_THAT(asked, testing::ElementsAre("carbon.example"));
  TaskGroup ending(io.get_executor());
  ending.spawn("stop", graphite.stop());
  io.restart();
  io.poll();
  EXPECT_EQ(ending.size(), 0u);
  EXPECT_TRUE(io.stopped()) << "something still waits";
  pending(Error(Errc::timeout, "at last"));
}

}  // namespace
}  // namespace muster::metrics
