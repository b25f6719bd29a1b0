// Outsiders who would make the daemon hold memory without end: bodies, answers that nobody reads,
// frames that never end.
#include <iostream>

#include "attack_memory.h"
#include "dist/frame_writer.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"

namespace muster::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// [0,0,…]
std::string zeros(std::size_t count) {
  std::string text = "[0";
  while (--count > 0) text += ",0";
  return text + ']';
}

/// What a reader of the alarms sees of them.
class AlarmsOf {
 public:
  explicit AlarmsOf(const Daemon& daemon) : daemon_(daemon) {}

  bool raised(const std::string& condition) const {
    auto is_there = [&] {
      return has("/api/alarms", condition) || has("/api/alarms/history", condition);
    };
    return eventually(is_there, seconds(10));
  }
  bool over(const std::string& condition) const {
    auto is_past = [&] {
      return !has("/api/alarms", condition) && has("/api/alarms/history", condition);
    };
    return eventually(is_past, seconds(20));
  }

 private:
  bool has(const std::string& where, const std::string& condition) const {
    const auto reply = daemon_.rest("GET", where + "?condition=" + condition);
    return reply.status == 200 && !reply.json.at("items").as_array().empty();
  }

  const Daemon& daemon_;
};

// 650 of them took 5.3 GB in 2.6 s, and an honest request had no answer in ten.
TEST_F(AttackMemory, AnonymousClientsAreReadNothingOf) {
  const auto body = zeros(1 << 19);
  const auto head =
      request("GET /api/health", "Content-Length: " + std::to_string(body.size()) + "\r\n");
  Crowd crowd;
  for (int i = 0; i < 300; ++i) {
    auto& stranger = come(crowd);
    stranger.say(head + body, milliseconds(5));
    if (i == 0) {
      EXPECT_EQ(stranger.hear(12), "HTTP/1.1 413");
    }
    if (i % 20 == 0) ask();
  }
  ask();
  EXPECT_LE((memory("VmHWM") - idle_) / 1024, slack_mib) << "nothing is kept of it";
}

TEST_F(AttackMemory, BodiesCountAsWhatTheyBecome) {
  const auto body = zeros(60'000);
  const auto head = request("POST /api/echo",
                            "Content-Length: " + std::to_string(body.size() + 1) + "\r\n", viewer_);
  Crowd crowd;
  for (int i = 0; i < 90; ++i) {
    come(crowd).say(head + body);  // and never the last byte
    if (i % 10 == 0) ask();
  }
  int refused = 0;
  for (auto& each : crowd)
    if (each->hear(12, milliseconds(50)) == "HTTP/1.1 503") ++refused;
  EXPECT_GT(refused, 60) << "of 12 MB each";
  EXPECT_LT(refused, 90);
  ask();
  HttpRequest honest{
      "POST", daemon_.url("/api/echo"), {"Authorization: Bearer " + daemon_.token()}, body};
  EXPECT_EQ(http(honest).status, 200) << "the greediest goes";
}

TEST_F(AttackMemory, NumbersInAListTakeNoLongTurn) {
  HttpRequest large{
      "POST", daemon_.url("/api/echo"), {"Authorization: Bearer " + viewer_}, zeros(65'000)};
  EXPECT_EQ(http(large).status, 200);
  large.body = zeros(400'000);
  EXPECT_EQ(http(large).status, 413);
}

// 200 connections that asked for 8 MB each and did not read took 3.6 GB for 45 s. Here it is 4 MB.
TEST_F(AttackMemory, ManySlowReadersOfOneTokenHoldNoMoreThanTheBudget) {
  ErlOptions options;
  options.name = "talks@127.0.0.1";
  ErlNode node(epmd_, options);
  ManagedNodes(daemon_).bring_up("talks@127.0.0.1");
  const std::string list = "/api/notifications?limit=1000&severity=error";
  std::size_t last = 0;
  auto has_all = [&] {
    node.eval(
        "[logger:error(\"~w ~s\", [I, lists:duplicate(8000, $x)]) || I <- lists:seq(1, 100)], ok");
    last = daemon_.rest("GET", list).text.size();
    return last > 4'000'000;
  };
  ASSERT_TRUE(eventually(has_all, seconds(40))) << last;
  slowest_ = {};
  ::sleep(1);
  forget_peak();
  Crowd crowd;
  for (int i = 0; i < 200; ++i) {
    come(crowd).say(request("GET " + list, {}, viewer_));
    if (i % 20 == 0) ask();
  }
  for (int i = 0; i < 10; ++i) ask();
  EXPECT_GT(losses(), 0u);
  const auto began = std::chrono::steady_clock::now();
  auto whole = daemon_.rest("GET", list);
  EXPECT_EQ(whole.status, 200) << whole.text;
  EXPECT_GT(whole.text.size(), 4'000'000u);
  std::cout
      << "the whole list for an honest user: "
      << std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count()
      << " ms\n";
  for (int i = 0; i < 30; ++i) come(crowd).say(request("GET " + list, {}, viewer_));
  AlarmsOf alarms(daemon_);
  EXPECT_TRUE(alarms.raised("outsiders_memory"));
  EXPECT_NE(daemon_.log().find("memory for outsiders is spent"), std::string::npos);
  crowd.clear();
  EXPECT_TRUE(alarms.over("outsiders_memory"));
}

// Six links with 127 MiB of a frame each took 859 MB.
TEST_F(AttackMemory, FramesThatDoNotEndHaveOneBudget) {
  const auto port = dist_port();
  std::string length;
  dist::put32(length, 127u << 20);
  const std::string bytes(1 << 20, 'x');
  std::deque<std::unique_ptr<Insider>> crowd;
  for (int i = 0; i < 6; ++i) {
    Credentials who;
    who.name = "bad" + std::to_string(i) + "@127.0.0.1";
    auto& peer = *crowd.emplace_back(std::make_unique<Insider>(port, who));
    ASSERT_TRUE(peer.is_in());
    peer.say(length);
    for (int k = 0; k < 40 && peer.say(bytes, milliseconds(500)); ++k) {
    }
    ask();
  }
  int closed = 0;
  for (auto& each : crowd)
    if (each->is_hung_up(milliseconds(100))) ++closed;
  EXPECT_GE(closed, 4);
  EXPECT_GT(losses(), 0u);
}

// At 32 of 40 MB all that had come was copied, in one turn of 24 ms; at the end it stays whole.
TEST_F(AttackMemory, FramesOf40MegabytesAreReadAndTheirMemoryGoesBack) {
  Insider peer(dist_port());
  ASSERT_TRUE(peer.is_in());
  const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom("x");
  std::string frame;
  dist::FrameWriter writer(frame, {bad, us, 77}, dist::Op::reg_send, 4);
  writer.own({1, 0}).atom("").atom("nobody");
  frame += "\x83\x6d";
  dist::put32(frame, 40u << 20);
  frame = frame.substr(4) + std::string(40u << 20, 'x');
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(peer.frame(frame));
    ask();
  }
  EXPECT_FALSE(peer.is_hung_up(milliseconds(100)));
  EXPECT_LE(memory("VmRSS") - idle_, 16 * 1024);
  EXPECT_EQ(losses(), 0u);
}

TEST_F(AttackMemory, AFrameOfAManagedNodeThatIsTooLongIsLeftOutAndTheLinkStays) {
  ASSERT_EQ(daemon_
                .rest("POST", "/api/actions/add-node",
                      {{"name", "own@127.0.0.1"}, {"cookie", "itsown"}, {"dist_port", 1}})
                .status,
            201);
  Insider peer(dist_port(), {"own@127.0.0.1", "itsown", daemon_.name()});
  ASSERT_TRUE(peer.is_in());
  const auto before = memory("VmRSS");
  const std::string bytes(1 << 20, 'x');
  for (int i = 0; i < 3; ++i) {
    std::string length;
    dist::put32(length, 100u << 20);
    peer.say(length);
    for (int k = 0; k < 100; ++k) ASSERT_TRUE(peer.say(bytes)) << "the link stays";
    ask();
  }
  EXPECT_LE(memory("VmRSS") - before, 16 * 1024);
  EXPECT_FALSE(peer.is_hung_up(milliseconds(100)));
  std::string length;
  dist::put32(length, 200u << 20);
  peer.say(length);
  EXPECT_TRUE(peer.is_hung_up(seconds(5))) << "no node sends that";
}

// A scraper that does not read keeps what nodes sent; four of them kept everybody else out.
TEST_F(AttackMemory, SlowScrapersOfOneTokenLeaveRoomForOthers) {
  Crowd crowd;
  for (int i = 0; i < 50; ++i) come(crowd).say(request("GET /metrics", {}, viewer_));
  ask("/metrics");
}

}  // namespace
}  // namespace muster::test
