// Outsiders who take the places of others: connections, tickets and handshakes; and requests that
// are not what they seem.
#include <algorithm>

#include "attack_memory.h"
#include "ports.h"

namespace muster::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// 1,000 idle connections of one token kept the admin and /api/health out.
TEST_F(AttackMemory, IdleConnectionsOfOneTokenKeepNobodyOut) {
  Crowd crowd;
  for (int i = 0; i < 400; ++i) {
    auto& idle = come(crowd);
    idle.say(request("GET /api/topo/nodes", {}, viewer_));
    EXPECT_EQ(idle.hear(12), "HTTP/1.1 200");
    if (i % 50 == 0) ask();
  }
  auto open = [&] {  // each first reads what it was answered
    return std::count_if(crowd.begin(), crowd.end(),
                         [](auto& each) { return !each->is_hung_up(milliseconds(5)); });
  };
  EXPECT_TRUE(eventually([&] { return open() <= 100; }));
  EXPECT_GT(open(), 90);
  EXPECT_EQ(daemon_.rest("GET", "/api/health").status, 200);
}

TEST_F(AttackMemory, TicketsOfOneTokenLeaveRoomForOthers) {
  HttpRequest ticket{
      "POST", daemon_.url("/api/events/ticket"), {"Authorization: Bearer " + viewer_}, ""};
  int made = 0;
  while (made < 200 && http(ticket).status == 201) ++made;
  EXPECT_EQ(made, 100);
  EXPECT_EQ(daemon_.rest("POST", "/api/events/ticket").status, 201);
}

// "xchunked" was no body at all: what came as the body was the next request.
TEST_F(AttackMemory, NoOtherTransferCodingHidesARequestInABody) {
  const std::string inner = request("GET /api/topo/nodes", {}, daemon_.token());
  for (const char* coding : {"xchunked", "chunked, identity", "gzip, chunked", "identity"}) {
    Stranger stranger(daemon_.http_port());
    stranger.say(request("POST /api/echo", std::string("Transfer-Encoding: ") + coding + "\r\n",
                         daemon_.token()) +
                 inner);
    auto heard = stranger.hear(100'000, milliseconds(3000));
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 501") || heard.starts_with("HTTP/1.1 400"))
        << coding << heard;
    EXPECT_EQ(heard.find("HTTP/1.1", 1), std::string::npos) << coding << " is answered once";
    EXPECT_TRUE(stranger.is_hung_up(seconds(3)));
  }
}

TEST_F(AttackMemory, ARequestThatFailsUsesUpNoTicket) {
  auto made = daemon_.rest("POST", "/api/events/ticket");
  const auto ticket = std::string(made.json.at("ticket").as_string());
  auto upgrade = [&](const std::string& target, const std::string& key) {
    Stranger stranger(daemon_.http_port());
    stranger.say(request("GET /api/events?" + target + "ticket=" + ticket,
                         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
                         "13\r\nSec-WebSocket-Key: " +
                             key + "\r\n"));
    return stranger.hear(12);
  };
  const std::string good = "dGhlIHNhbXBsZSBub25jZQ==";
  EXPECT_EQ(upgrade("", "YWJj"), "HTTP/1.1 400") << "a key of three bytes";
  EXPECT_EQ(upgrade("topics=nonsense&", good), "HTTP/1.1 400");
  EXPECT_EQ(upgrade("since=x&", good), "HTTP/1.1 400");
  EXPECT_EQ(upgrade("", good), "HTTP/1.1 101");
  EXPECT_EQ(upgrade("", good), "HTTP/1.1 401");
}

// 7,500 connections a second pushed out every node that took 200 ms between two steps.
TEST_F(AttackMemory, AFloodOfHandshakesPushesOutItselfAndNoSlowNodeElsewhere) {
  const auto port = dist_port();
  Stranger slow(port, "127.0.0.2");
  std::deque<std::unique_ptr<Stranger>> flood;
  for (int i = 0; i < 4000; ++i) {
    flood.push_back(std::make_unique<Stranger>(port));
    if (flood.size() > 800) flood.pop_front();
    if (i % 1000 == 0) ask();
  }
  for (int i = 0; i < 1500; ++i) flood.push_back(std::make_unique<Stranger>(port));
  ask();
  EXPECT_FALSE(slow.is_hung_up(milliseconds(100)));
  EXPECT_TRUE(flood[800]->is_hung_up(seconds(2)));
}

}  // namespace
}  // namespace muster::test
