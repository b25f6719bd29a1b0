// How a node is kept, beside a real one.
#include <gtest/gtest.h>

#include "epmd.h"
#include "erl.h"
#include "mesh/agents.h"
#include "mesh/keeper.h"
#include "ports.h"
#include "test_node.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

dist::NodeConfig config_for(const Epmd& epmd) {
  dist::NodeConfig config;
  config.name = "muster";
  config.short_host = "localhost";
  config.long_host = "127.0.0.1";
  config.cookie = Secret("cookie");
  config.listen = {boost::asio::ip::make_address("127.0.0.1")};
  config.epmd_port = epmd.port();
  return config;
}

/// Keeps one node, and drops its link while it is recorded as UP.
class Dropping final : public mesh::Watcher, public dist::LinkListener {
 public:
  Dropping(TestNode& owner, mesh::NodeSpec spec)
      : owner_(owner),
        agents_(owner.context().get_executor(), owner.node(), seconds(60)),
        tools_{owner.context().get_executor(), owner.node(), agents_, *this},
        keeper_(tools_, std::move(spec)),
        tasks_(owner.context().get_executor()) {
    owner_.node().add_listener(*this);
    tasks_.spawn("keeper", keeper_.run());
  }
  boost::asio::awaitable<void> stop() {
    owner_.node().remove_listener(*this);
    tasks_.cancel();
    co_await tasks_.join();
    co_await agents_.stop();
  }
  void dial_now() { keeper_.expect_start(); }

 private:
  Task<> node_up(const mesh::NodeSpec& spec, const mesh::NodeFacts&, bool) override {
    owner_.note("UP");
    owner_.node().close(spec.name);
    co_return Result<>();
  }
  void node_down(const mesh::NodeSpec&, mesh::DownReason reason, const std::string&) override {
    owner_.note("DOWN " + std::string(mesh::name_of(reason)));
  }
  void link_down(const std::shared_ptr<dist::Link>&, dist::LinkError why) override {
    keeper_.link_down(why);
  }

  TestNode& owner_;
  mesh::Agents agents_;
  mesh::KeeperTools tools_;
  mesh::Keeper keeper_;
  TaskGroup tasks_;
};

TEST(DistLifeOfAKeptNode, ALinkLostWhileTheNodeIsRecordedAsUpIsToldEveryTime) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  TestNode muster(config_for(epmd));
  mesh::NodeSpec spec;
  spec.name = erl.name();
  std::unique_ptr<Dropping> kept;
  muster.on_node([&] { kept = std::make_unique<Dropping>(muster, spec); });
  auto told = [&] {
    std::vector<std::string> all;
    for (auto& event : muster.events())
      if (event == "UP" || event.starts_with("DOWN")) all.push_back(event);
    return all;
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(eventually([&] { return told().size() >= 2 * round + 2u; }));
    EXPECT_EQ(told().at(2 * round), "UP");
    EXPECT_EQ(told().at(2 * round + 1), "DOWN closed");
    muster.on_node([&] { kept->dial_now(); });
  }
  muster.wait(kept->stop());
  muster.on_node([&] { kept.reset(); });
}

}  // namespace
}  // namespace muster::test
