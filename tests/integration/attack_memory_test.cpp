// Outsiders who would make the daemon hold memory or places without end: bodies, answers that
// nobody reads, frames that never end, connections. Beside each of them an honest user is served
// within a second, and the daemon holds no more than its budget and what it is slack with.
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <iostream>

#include "daemon.h"
#include "dist/frame_writer.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"
#include "websocket.h"

namespace muster::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace json = boost::json;

constexpr long budget_mib = 64, slack_mib = 64;

/// [0,0,…]
std::string zeros(std::size_t count) {
  std::string text = "[0";
  while (--count > 0) text += ",0";
  return text + ']';
}

DaemonOptions small_budget() {
  DaemonOptions options;
  options.config =
      "[limits]\noutsiders_megabytes = 64\n"
      "[notifications]\nper_second = 1000\n"
      "[alarms.outsiders_memory]\nquiet = 2\n";
  return options;
}

class AttackMemory : public testing::Test {
 protected:
  using Crowd = std::deque<std::unique_ptr<Stranger>>;

  AttackMemory() {
    viewer_ = add_token("viewer", "viewer");
    forget_peak();
  }
  void TearDown() override {
    const auto maps = read_file("/proc/" + std::to_string(daemon_.pid()) + "/maps");
    const auto grown = (memory("VmHWM") - idle_) / 1024;
    std::cout << "memory: " << grown << " MiB over the idle daemon's " << idle_ / 1024
              << ", slowest honest answer " << slowest_.count() << " ms" << std::endl;
    if (maps.find("san.so") == std::string::npos) {
      EXPECT_LE(grown, budget_mib + slack_mib);
    }
    EXPECT_LE(slowest_, milliseconds(1000));
  }

  long memory(const std::string& what) const {  // KiB
    const auto status = read_file("/proc/" + std::to_string(daemon_.pid()) + "/status");
    return std::stol(status.substr(status.find(what + ":") + what.size() + 1));
  }
  void forget_peak() {
    idle_ = memory("VmRSS");
    std::ofstream("/proc/" + std::to_string(daemon_.pid()) + "/clear_refs") << "5";
  }
  std::string add_token(const std::string& name, const std::string& role) {
    auto reply = daemon_.rest("POST", "/api/tokens", {{"name", name}, {"role", role}});
    EXPECT_EQ(reply.status, 201) << reply.text;
    return std::string(reply.json.at("token").as_string());
  }
  /// An honest user, who comes on a connection of its own.
  HttpReply ask(const std::string& path = "/api/topo/nodes") {
    const auto began = Clock::now();
    HttpRequest request;
    request.url = daemon_.url(path);
    request.headers = {"Authorization: Bearer " + daemon_.token()};
    auto reply = http(request);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.text.substr(0, 200);
    slowest_ = std::max(slowest_, std::chrono::duration_cast<milliseconds>(Clock::now() - began));
    return reply;
  }
  std::string request(const std::string& line, const std::string& more = {},
                      const std::string& token = {}) const {
    return line + " HTTP/1.1\r\nHost: h\r\n" +
           (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + more + "\r\n";
  }
  Stranger& come(Crowd& crowd) {
    return *crowd.emplace_back(std::make_unique<Stranger>(daemon_.http_port()));
  }
  std::size_t losses() {
    const auto reply = ask("/api/metrics/daemon");
    for (auto& family : reply.json.at("items").as_array())
      if (family.at("name") == "muster_daemon_outsiders_losses_total") {
        std::size_t sum = 0;
        for (auto& one : family.at("values").as_array())
          sum += one.at("value").to_number<std::size_t>();
        return sum;
      }
    return 0;
  }
  std::uint16_t dist_port() const {
    return static_cast<std::uint16_t>(
        std::stoi(names_port(epmd_, daemon_.name().substr(0, daemon_.name().find('@')))));
  }
  static std::string names_port(const Epmd& epmd, const std::string& alive) {
    Stranger asking(epmd.port());
    std::string request("\0\0z", 3);
    request[1] = static_cast<char>(1 + alive.size());
    asking.say(request + alive);
    auto answer = asking.hear(4);
    return std::to_string(static_cast<unsigned char>(answer.at(2)) << 8 |
                          static_cast<unsigned char>(answer.at(3)));
  }
  bool has_alarm(const std::string& where) {
    const auto reply = daemon_.rest("GET", where + "?condition=outsiders_memory");
    return reply.status == 200 && !reply.json.at("items").as_array().empty();
  }
  bool raised(const std::string& condition) {
    auto is_there = [&] { return has_alarm("/api/alarms") || has_alarm("/api/alarms/history"); };
    return condition == "outsiders_memory" && eventually(is_there, seconds(10));
  }
  bool over(const std::string& condition) {
    auto is_gone = [&] { return !has_alarm("/api/alarms") && has_alarm("/api/alarms/history"); };
    return condition == "outsiders_memory" && eventually(is_gone, seconds(20));
  }

  Epmd epmd_;
  Daemon daemon_{epmd_, small_budget()};
  std::string viewer_;
  long idle_ = 0;
  milliseconds slowest_{0};
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
  const auto began = Clock::now();
  auto whole = daemon_.rest("GET", list);
  EXPECT_EQ(whole.status, 200) << whole.text;
  EXPECT_GT(whole.text.size(), 4'000'000u);
  std::cout << "the whole list for an honest user: "
            << std::chrono::duration_cast<milliseconds>(Clock::now() - began).count() << " ms\n";
  for (int i = 0; i < 30; ++i) come(crowd).say(request("GET " + list, {}, viewer_));
  EXPECT_TRUE(raised("outsiders_memory"));
  EXPECT_NE(daemon_.log().find("memory for outsiders is spent"), std::string::npos);
  crowd.clear();
  EXPECT_TRUE(over("outsiders_memory"));
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

// 100,000 of them took 1 GB, whatever the budget.
TEST_F(AttackMemory, CallsUnderWayOfOneNodeHaveTheBudget) {
  ErlNode worker(epmd_, named("worker@127.0.0.1"));
  ManagedNodes(daemon_).bring_up(worker.name(), {{"agents", "none"}});
  ErlNode flood(epmd_, named("flood@127.0.0.1")), other(epmd_, named("other@127.0.0.1"));
  forget_peak();
  flood.eval("[gen_server:send_request({commands, '" + daemon_.name() +
                 "'}, {run, #{module => timer, function => sleep, args => "
                 "[60000 | lists:duplicate(5000, 1)], nodes => ['worker@127.0.0.1'], timeout => "
                 "60000}}) || _ <- lists:seq(1, 900)], ok",
             seconds(60));
  EXPECT_EQ(flood.eval("receive {_, {error, #{code := unavailable}}} -> refused end", seconds(20)),
            "refused");
  EXPECT_EQ(
      other.eval("element(1, rpc:call('" + daemon_.name() + "', topology, list_nodes, [#{}]))"),
      "ok");
  ask();
  EXPECT_GT(losses(), 0u);
}

// 16,000 questions of a viewer went on when its node had gone, and it came again for more: an
// admin's were refused, as others held all memory.
TEST_F(AttackMemory, CallsOfOneNodeAreBoundedInNumberAndEndWithItsLink) {
  ErlNode worker(epmd_, named("worker@127.0.0.1"));
  ManagedNodes(daemon_).bring_up(worker.name(), {{"agents", "none"}});
  const std::string asleep =
      "length([P || P <- processes(), {current_function, {timer, sleep, 1}} =:= "
      "process_info(P, current_function)])";
  {
    ErlNode flood(epmd_, named("flood@127.0.0.1"));
    flood.eval("[{rex, '" + daemon_.name() +
                   "'} ! {self(), {call, commands, run, [#{module => timer, function => sleep, "
                   "args => [60000], nodes => ['worker@127.0.0.1'], timeout => 60000}], self()}} "
                   "|| _ <- lists:seq(1, 1200)], ok",
               seconds(60));
    EXPECT_EQ(
        flood.eval("lists:all(fun(_) -> receive {rex, {error, #{message := M}}} -> "
                   "binary:match(M, <<\"1000 calls\">>) =/= nomatch end end, lists:seq(1, 200))",
                   seconds(20)),
        "true");
    EXPECT_TRUE(eventually([&] { return worker.eval(asleep) == "192"; }, seconds(20)))
        << worker.eval(asleep);
    ErlNode other(epmd_, named("other@127.0.0.1"));
    EXPECT_EQ(other.eval("{ok, #{results := [#{value := V}]}} = rpc:call('" + daemon_.name() +
                             "', commands, run, [#{module => erlang, function => node, nodes => "
                             "['worker@127.0.0.1']}]), V",
                         seconds(10)),
              "'worker@127.0.0.1'");
    ask();
  }
  EXPECT_TRUE(eventually([&] { return worker.eval(asleep) == "0"; }, seconds(20)))
      << worker.eval(asleep);
}

// What two callers had run for an hour on nodes of theirs kept everybody's commands waiting.
TEST_F(AttackMemory, CommandsThatTakeAnHourKeepNobodyWaiting) {
  ErlNode worker(epmd_, named("worker@127.0.0.1"));
  ManagedNodes(daemon_).bring_up(worker.name(), {{"agents", "none"}});
  std::vector<std::unique_ptr<ErlNode>> floods;
  for (auto* name : {"first@127.0.0.1", "second@127.0.0.1"})
    floods.emplace_back(std::make_unique<ErlNode>(epmd_, named(name)))
        ->eval("[{rex, '" + daemon_.name() +
                   "'} ! {self(), {call, commands, run, [#{module => timer, function => sleep, "
                   "args => [3600000], nodes => ['worker@127.0.0.1'], timeout => 3600000}], "
                   "self()}} || _ <- lists:seq(1, 300)], ok",
               seconds(60));
  EXPECT_TRUE(eventually(
      [&] {
        return worker.eval(
                   "length([P || P <- processes(), {current_function, {timer, sleep, 1}} =:= "
                   "process_info(P, current_function)])") == "128";
      },
      seconds(20)));
  ErlNode other(epmd_, named("other@127.0.0.1"));
  EXPECT_EQ(other.eval("{ok, #{results := [#{value := V}]}} = rpc:call('" + daemon_.name() +
                           "', commands, run, [#{module => erlang, function => node, nodes => "
                           "['worker@127.0.0.1']}]), V",
                       seconds(10)),
            "'worker@127.0.0.1'");
  ask();
}

// The tag of a call was kept until its answer, whatever its size: 80 of 15 MB took 1.2 GB.
TEST_F(AttackMemory, WhatACallIsKnownByHasABound) {
  ErlNode worker(epmd_, named("worker@127.0.0.1"));
  ManagedNodes(daemon_).bring_up(worker.name(), {{"agents", "none"}});
  ErlNode flood(epmd_, named("flood@127.0.0.1"));
  forget_peak();
  flood.eval("D = '" + daemon_.name() +
             "', Large = binary:copy(<<0>>, 3000000), Run = #{module => timer, function => sleep, "
             "args => [60000], nodes => ['worker@127.0.0.1'], timeout => 60000}, ok");
  flood.eval(
      "[{rex, D} ! {'$gen_call', {self(), Large}, {call, commands, run, [Run], self()}} || _ <- "
      "lists:seq(1, 50)], ok",
      seconds(60));
  ask();
  flood.eval(
      "[erlang:spawn_request(D, erpc, execute_call, [Large, commands, run, [Run]], [monitor]) || "
      "_ <- lists:seq(1, 50)], ok",
      seconds(60));
  EXPECT_EQ(flood.eval("element(1, rpc:call(D, topology, list_nodes, [#{}]))"), "ok");
  ask();
}

// The claim for their arguments went after the link it was of: whoever called and hung up ended the
// daemon.
TEST_F(AttackMemory, CallsWithLargeArgumentsWhoseCallerDies) {
  ErlNode worker(epmd_, named("worker@127.0.0.1"));
  ManagedNodes(daemon_).bring_up(worker.name(), {{"agents", "none"}});
  for (auto* form :
       {"gen_server:send_request({commands, D}, {run, Run})",
        "erpc:send_request(D, commands, run, [Run])", "rpc:async_call(D, commands, run, [Run])"}) {
    SCOPED_TRACE(form);
    {
      ErlNode caller(epmd_, named("caller@127.0.0.1"));
      caller.eval("D = '" + daemon_.name() +
                  "', Run = #{module => timer, function => sleep, nodes => ['worker@127.0.0.1'], "
                  "args => [lists:duplicate(50000, 1)], timeout => 60000}, ok");
      for (int i = 0; i < 10; ++i) caller.eval(form);
      ask();
    }
    ask();
  }
  ask();
}

// 1,000 idle connections of one token kept the admin and /api/health out.
TEST_F(AttackMemory, IdleConnectionsOfOneTokenKeepNobodyOut) {
  Crowd crowd;
  for (int i = 0; i < 400; ++i) {
    auto& idle = come(crowd);
    idle.say(request("GET /api/topo/nodes", {}, viewer_));
    EXPECT_EQ(idle.hear(12), "HTTP/1.1 200");
    if (i % 50 == 0) ask();
  }
  int open = 0;
  for (auto& each : crowd)
    if (!each->is_hung_up(milliseconds(1))) ++open;
  EXPECT_LE(open, 100);
  EXPECT_GT(open, 90);
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

// A scraper that does not read keeps what nodes sent; four of them kept everybody else out.
TEST_F(AttackMemory, SlowScrapersOfOneTokenLeaveRoomForOthers) {
  Crowd crowd;
  for (int i = 0; i < 50; ++i) come(crowd).say(request("GET /metrics", {}, viewer_));
  ask("/metrics");
}

}  // namespace
}  // namespace muster::test
