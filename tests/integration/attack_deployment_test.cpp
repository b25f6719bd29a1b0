// Hosts that do their worst to the deployments of others.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"
#include "deployment.h"
#include "ports.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// A port on which connections are made, and nobody says a word.
class MuteServer {
 public:
  MuteServer() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port_);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
  }
  ~MuteServer() { ::close(listener_); }
  MuteServer(const MuteServer&) = delete;
  MuteServer& operator=(const MuteServer&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::uint16_t port_ = free_port();
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

// 1,024 nodes that waited for one host were all that the daemon worked on, for hours.
TEST(AttackDeployment, AHostThatIsMuteKeepsNobodyElseWaiting) {
  MuteServer mute;
  LocalHome home;
  Epmd epmd;
  Daemon daemon(epmd);
  Deployer deployer(daemon, epmd);
  TinyRelease release;
  deployer.define("mute", {{"type", "physical"}, {"servers", {mute.address()}}}, release);
  deployer.define("shop", {{"type", "local"}, {"folder", home.path().string()}}, release);
  ASSERT_EQ(deployer.deploy("mute", 1100).size(), 1100u);
  ASSERT_EQ(deployer.deploy("shop", 1).size(), 1u);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 1, 20s)) << deployer.describe("shop");

  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/mute/nodes").status, 202);
  // Those that nothing was begun with go at once; the others wait for their host.
  EXPECT_TRUE(eventually([&] { return deployer.nodes("mute").size() <= 64; }, 10s))
      << deployer.nodes("mute").size();
  EXPECT_EQ(deployer.deploy("shop", 1).size(), 1u);
  EXPECT_TRUE(deployer.wait_for("shop", "UP", 2, 20s)) << deployer.describe("shop");
}

}  // namespace
}  // namespace muster::test
