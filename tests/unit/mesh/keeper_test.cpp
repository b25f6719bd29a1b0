#include "mesh/keeper.h"

#include <gtest/gtest.h>

#include "dist/node_core.h"
#include "mesh/agents.h"

namespace muster::mesh {
namespace {

using namespace std::chrono_literals;

dist::NodeConfig node_config() {
  dist::NodeConfig config;
  config.name = "muster";
  config.long_host = "127.0.0.1";
  return config;
}

/// A keeper of a node that cannot even be dialled, and who is told.
class KeeperTest : public testing::Test, public dist::PeerDirectory, public Watcher {
 protected:
  KeeperTest() { spec_.name = "a@127.0.0.1"; }

  Role role(const std::string&, const Secret&) const override { return Role::none; }
  std::optional<dist::PeerSettings> settings(const std::string&) const override {
    ++dials_;
    dist::PeerSettings settings;
    settings.tls = true;  // and no TLS files are configured
    return settings;
  }
  Task<> node_up(const NodeSpec&, const NodeFacts&, bool) override { co_return Result<>(); }
  void node_down(const NodeSpec&, DownReason reason, const std::string&) override {
    told_.push_back(reason);
  }
  void turn() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  mutable int dials_ = 0;
  std::vector<DownReason> told_;
  NodeSpec spec_;
  dist::Node node_{io_, node_config(), *this};
  Agents agents_{io_.get_executor(), node_, 60s};
  KeeperTools tools_{io_.get_executor(), node_, agents_, *this};
  TaskGroup tasks_{io_.get_executor()};
};

TEST_F(KeeperTest, TheEndOfALinkThatWasNotUpNeitherEndsItsPauseNorChangesTheReason) {
  Keeper keeper(tools_, spec_);
  tasks_.spawn("keeper", keeper.run());
  turn();
  ASSERT_EQ(dials_, 1);
  keeper.link_down(dist::LinkError::dropped);
  turn();
  EXPECT_EQ(dials_, 1);
  EXPECT_EQ(keeper.reason(), DownReason::tls);
  EXPECT_EQ(told_, std::vector{DownReason::tls});
  keeper.expect_start();
  turn();
  EXPECT_EQ(dials_, 2) << "but somebody who has just started it does";
  tasks_.cancel();
  turn();
}

TEST_F(KeeperTest, AgentsAreNotKeptForALinkThatIsGoneAlready) {
  auto core = std::make_shared<dist::NodeCore>(io_, node_config(), *this);
  auto link = std::make_shared<dist::Link>(core, dist::Channel(dist::Channel::Socket(io_)),
                                           dist::HandshakePeer{spec_.name}, dist::Proof{}, true);
  link->close(dist::LinkError::closed);
  asio::post(io_, [&] {  // on the loop a coroutine begins, and here ends, inside node_up()
    agents_.node_up(link, spec_, {});
    agents_.node_up(link, spec_, {});  // nothing is left of the first time
  });
  turn();
}

}  // namespace
}  // namespace muster::mesh
