// Whoever makes the daemon work without end: the loop goes on, and an honest user is answered
// within a second all the while.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "chatterer.h"
#include "daemon.h"
#include "deployment.h"
#include "dist/frame_writer.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::HasSubstr;

class AttackOnTheLoop : public testing::Test {
 protected:
  /// Asks as an honest user does, until it is so; every answer comes within a second.
  void ask_until(const std::function<bool()>& is_so, std::chrono::seconds limit) {
    const auto end = steady_clock::now() + limit;
    do {
      const auto asked = steady_clock::now();
      ASSERT_EQ(daemon.rest("GET", "/api/topo/nodes").status, 200);
      worst = std::max<steady_clock::duration>(worst, steady_clock::now() - asked);
      ++answers;
      if (is_so()) return;
    } while (steady_clock::now() < end);
    FAIL() << "not within " << limit.count() << " s";
  }
  void expect_served() {
    EXPECT_GT(answers, 0);
    EXPECT_LT(worst, 1s);
    std::cout << answers << " answers, the slowest after "
              << std::chrono::duration<double, std::milli>(worst).count() << " ms; longest turn "
              << daemon.longest_turn("minute") << '\n';
  }

  Epmd epmd;
  Daemon daemon{epmd};
  steady_clock::duration worst{};
  int answers = 0;
};

class HostWithoutAnEnd : public AttackOnTheLoop, public testing::WithParamInterface<const char*> {
 protected:
  json::object provider(const Chatterer& host) const {
    json::array servers{{{"host", "127.0.0.1"}, {"port", host.port()}, {"user", "root"}}};
    return {{"type", "physical"}, {"servers", servers}};
  }
  TinyRelease release;
  Deployer deployer{daemon, epmd};
};

// The handshake read a byte at a time for as long as one came, on the only loop there was.
TEST_P(HostWithoutAnEnd, DoesNotStopTheDaemon) {
  Chatterer host(GetParam());
  deployer.define("shop", provider(host), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_EQ(rows.size(), 1u);
  ask_until([&] { return deployer.wait_for("shop", "ERROR", 1, 0s); }, 60s);
  expect_served();
  EXPECT_GT(host.said(), 0u);
  EXPECT_THAT(deployer.describe("shop"), HasSubstr("does an SSH server listen on this port?"));
  // And while it goes on, SIGTERM is the end.
  deployer.post("nodes/" + std::string(rows[0].at("id").as_string()) + "/retry");
  EXPECT_TRUE(daemon.stop());
}

INSTANTIATE_TEST_SUITE_P(Words, HostWithoutAnEnd, testing::Values("x", "hello from nowhere\r\n"));

// A link's turn was bounded in bytes: thousands of calls that take a millisecond each.
TEST_F(AttackOnTheLoop, APeerThatCallsThousandsOfTimesInOneGoKeepsNobodyWaiting) {
  constexpr unsigned calls = 9'000;
  ErlNode shell(epmd, {});
  const auto port = shell.eval("{port, P, _} = erl_epmd:port_please(\"muster\", {127,0,0,1}), P");
  Insider peer(static_cast<std::uint16_t>(std::stoi(port)));
  ASSERT_TRUE(peer.is_in());
  const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom(daemon.name());
  const dist::WireNames names{bad, us, 77};
  std::string requests;
  for (unsigned i = 1; i <= calls; ++i) {
    dist::FrameWriter request(requests, names, dist::Op::spawn_request, 6);
    request.own_ref(i).own({1, 0}).own({2, 0});
    request.tuple(3).atom("erpc").atom("execute_call").small(4);
    request.list(1).atom("monitor").nil();
    request.payload().list(4).own_ref(i).atom("muster").atom("help").nil().nil();
    request.end();
  }
  std::atomic<bool> is_over = false;
  std::atomic<std::size_t> heard = 0;
  std::thread saying([&] { peer.say(requests, 8s); });
  std::thread hearing([&] {
    while (!is_over) heard += peer.hear(1 << 20, 200ms).size();
  });
  const auto end = steady_clock::now() + 8s;
  ask_until([&] { return steady_clock::now() >= end; }, 20s);
  is_over = true;
  saying.join();
  hearing.join();
  EXPECT_GT(heard, 0u);
  expect_served();
}

// What was known by it was the second job; the first one's end left a pointer to it behind.
TEST_F(AttackOnTheLoop, AReferenceThatIsUsedTwiceIsRefused) {
  ErlNode shell(epmd, {});
  const auto port = shell.eval("{port, P, _} = erl_epmd:port_please(\"muster\", {127,0,0,1}), P");
  const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom(daemon.name());
  const dist::WireNames names{bad, us, 77};
  etf::Map query;
  query.pairs.emplace_back(etf::atom("topics"), etf::list(etf::binary("topology")));
  query.pairs.emplace_back(
      etf::atom("since"),
      daemon.rest("GET", "/api/events").json.at("seq").to_number<std::int64_t>());
  query.pairs.emplace_back(etf::atom("wait"), std::int64_t{20});
  std::string requests;
  for (int i = 0; i < 2; ++i) {
    dist::FrameWriter request(requests, names, dist::Op::spawn_request, 6);
    request.own_ref(1).own({1, 0}).own({2, 0});
    request.tuple(3).atom("erpc").atom("execute_call").small(4);
    request.list(1).atom("monitor").nil();
    request.payload().list(4).own_ref(1).atom("muster").atom("events");
    request.list(1).term(query).nil().nil();
    request.end();
  }
  const auto before = daemon.figure("muster_daemon_links");
  {
    Insider peer(static_cast<std::uint16_t>(std::stoi(port)));
    ASSERT_TRUE(peer.is_in());
    peer.say(requests, 8s);
    EXPECT_THAT(peer.hear(1 << 20, 2s), HasSubstr("badopt"));
    EXPECT_EQ(daemon.figure("muster_daemon_links"), before + 1);
  }
  EXPECT_TRUE(eventually([&] { return daemon.figure("muster_daemon_links") == before; }));
  EXPECT_EQ(daemon.rest("GET", "/api/topo/nodes").status, 200);
}

// Each text met each pattern in one turn of the loop: tens of milliseconds for one of each.
TEST_F(AttackOnTheLoop, HardPatternsOfManyRulesForLongTextsKeepNobodyWaiting) {
  ErlNode node(epmd, {});
  ManagedNodes(daemon).bring_up(node.name());
  for (int i = 0; i < 50; ++i) {
    auto reply =
        daemon.rest("POST", "/api/alarms/rules",
                    {{"id", "hard" + std::to_string(i)},
                     {"severity", "minor"},
                     {"pattern", "a[ab]{400}" + std::string(1, static_cast<char>('c' + i % 20))}});
    ASSERT_EQ(reply.status, 201) << reply.text;
  }
  const auto stored = [&] {
    return daemon.rest("GET", "/api/notifications?limit=50&source=logger&node=" + node.name())
        .json.at("items")
        .as_array()
        .size();
  };
  int rounds = 0;
  ask_until(
      [&] {
        node.eval(
            "[logger:error(\"~s\", [[$` + rand:uniform(2) || _ <- lists:seq(1, 8000)]]) || "
            "_ <- [1, 2, 3, 4, 5]], ok");
        return ++rounds >= 40 && stored() == 50;
      },
      60s);
  expect_served();
  EXPECT_GT(daemon.longest_turn("minute"), 0);
  EXPECT_LE(daemon.longest_turn("minute"), 0.5) << "without optimization";
}

}  // namespace
}  // namespace muster::test
