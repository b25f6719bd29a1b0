#include "mesh/agents.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/flags.h"
#include "dist/node_core.h"

namespace muster::mesh {
namespace {

using namespace std::chrono_literals;

dist::NodeConfig node_config() {
  dist::NodeConfig config;
  config.name = "muster";
  config.long_host = "127.0.0.1";
  return config;
}

/// Nodes that are UP, and the far ends of their links.
class AgentsTest : public testing::Test, public dist::PeerDirectory {
 protected:
  struct Peer {
    explicit Peer(int end) : far_end(end) {}
    Peer(Peer&& other) noexcept
        : link(std::move(other.link)), far_end(std::exchange(other.far_end, -1)) {}
    ~Peer() {
      if (far_end >= 0) ::close(far_end);
    }
    /// Something has been asked of it.
    bool is_asked() const {
      char byte;
      return ::recv(far_end, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    }
    std::shared_ptr<dist::Link> link;
    int far_end;
  };

  Role role(const std::string&, const Secret&) const override { return Role::none; }
  std::optional<dist::PeerSettings> settings(const std::string&) const override { return {}; }

  /// It answers nothing.
  Peer come_up(const std::string& name) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    dist::Channel::Socket socket(io_);
    socket.assign(asio::ip::tcp::v4(), ends[0]);
    Peer peer(ends[1]);
    peer.link = std::make_shared<dist::Link>(
        core_, dist::Channel(std::move(socket)),
        dist::HandshakePeer{.name = name, .flags = dist::flag::spawn}, dist::Proof{}, true);
    NodeSpec spec;
    spec.name = name;
    agents_.node_up(peer.link, spec, {});
    return peer;
  }

  asio::io_context io_;
  std::shared_ptr<dist::NodeCore> core_ =
      std::make_shared<dist::NodeCore>(io_, node_config(), *this);
  dist::Node node_{io_, node_config(), *this};
  Agents agents_{io_.get_executor(), node_, 60s};
};

// Each held one of 64 places for as long as its question was given, and asked again for ever.
TEST_F(AgentsTest, NodesThatAreMuteKeepNobodyWaitingForLong) {
  std::vector<Peer> mute;
  for (int i = 0; i < 130; ++i) mute.push_back(come_up("m" + std::to_string(i) + "@127.0.0.1"));
  auto honest = come_up("honest@127.0.0.1");
  auto deadline = std::chrono::steady_clock::now() + 5s;  // they are waited for 10 s
  while (!honest.is_asked() && io_.run_one_until(deadline) > 0) continue;
  EXPECT_TRUE(mute.front().is_asked());
  EXPECT_TRUE(mute.back().is_asked());
  EXPECT_TRUE(honest.is_asked());
  for (auto& peer : mute) peer.link->close(dist::LinkError::dropped);
  honest.link->close(dist::LinkError::dropped);
  io_.restart();
  io_.poll();
}

}  // namespace
}  // namespace muster::mesh
