#include "mesh/keeper.h"

#include "node_fixture.h"

namespace muster::mesh {
namespace {

/// A keeper of a node that cannot even be dialled, and who is told.
class KeeperTest : public NodeTest, public Watcher {
 protected:
  KeeperTest() { spec_.name = "a@127.0.0.1"; }

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

  mutable int dials_ = 0;
  std::vector<DownReason> told_;
  NodeSpec spec_;
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
  auto closed = link(dist::Channel::Socket(io_), {.name = spec_.name});
  closed->close(dist::LinkError::closed);
  asio::post(io_, [&] {  // on the loop a coroutine begins, and here ends, inside node_up()
    agents_.node_up(closed, spec_, {});
    agents_.node_up(closed, spec_, {});  // nothing is left of the first time
  });
  turn();
}

}  // namespace
}  // namespace muster::mesh
