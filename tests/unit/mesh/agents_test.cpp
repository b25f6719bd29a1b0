#include <sys/socket.h>
#include <unistd.h>

#include "dist/flags.h"
#include "node_fixture.h"

namespace muster::mesh {
namespace {

using namespace std::chrono_literals;

/// Nodes that are UP, and the far ends of their links.
class AgentsTest : public NodeTest {
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

  /// It answers nothing.
  Peer come_up(const std::string& name) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    dist::Channel::Socket socket(io_);
    socket.assign(asio::ip::tcp::v4(), ends[0]);
    Peer peer(ends[1]);
    peer.link = link(std::move(socket), {.name = name, .flags = dist::flag::spawn});
    NodeSpec spec;
    spec.name = name;
    agents_.node_up(peer.link, spec, {});
    return peer;
  }
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
  turn();
}

}  // namespace
}  // namespace muster::mesh
