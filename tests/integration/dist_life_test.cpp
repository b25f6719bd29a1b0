// How links begin, live and end, against real nodes and between two nodes of ours.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "dist/frame_writer.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"
#include "stranger.h"
#include "test_node.h"
#include "tls.h"

namespace muster::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

dist::NodeConfig config_for(const Epmd& epmd, const std::string& name = "muster") {
  dist::NodeConfig config;
  config.name = name;
  config.short_host = "localhost";
  config.long_host = "127.0.0.1";
  config.cookie = Secret("cookie");
  config.listen = {boost::asio::ip::make_address("127.0.0.1")};
  config.epmd_port = epmd.port();
  config.times.epmd_retry = milliseconds(100);
  return config;
}

std::string kind(TestNode& node, const std::string& peer) {
  auto link = node.connect(peer);
  return link ? std::string("up") : link.error().code.message();
}

bool waits_for(TestNode& node, const std::string& event) {
  return eventually([&] { return node.has_event(event); });
}

TEST(DistEpmd, IsToldAgainAfterItsRestart) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  ErlNode a(epmd, {});
  EXPECT_TRUE(epmd.knows("muster"));
  auto creation = muster.node().creation();
  epmd.stop();
  EXPECT_EQ(kind(muster, "other@127.0.0.1"), "refused");
  epmd.start();
  EXPECT_TRUE(eventually([&] { return epmd.knows("muster"); }));
  EXPECT_EQ(a.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  EXPECT_EQ(muster.node().creation(), creation);
}

TEST(DistEpmd, IsNotNeededToStart) {
  Epmd epmd;
  epmd.stop();
  TestNode muster(config_for(epmd));
  EXPECT_TRUE(muster.events().empty());
  EXPECT_FALSE(muster.node().is_registered());
  epmd.start();
  EXPECT_TRUE(eventually([&] { return epmd.knows("muster"); }));
}

TEST(DistEpmd, RefusesTheNameOfAnother) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  TestNode second(config_for(epmd));
  auto events = second.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(
      events[0].rfind("start: register muster: epmd: the name is taken, by the node muster@", 0),
      0u)
      << events[0];
}

TEST(DistDial, FindsNodesWithoutEpmdByTheirPort) {
  Epmd epmd;
  ErlNode a(epmd, {});
  auto port = std::stoi(a.eval("{port, P, _} = erl_epmd:port_please(\"a\", {127,0,0,1}), P"));
  epmd.stop();
  TestNode muster(config_for(epmd));
  muster.known["a@127.0.0.1"].port = static_cast<std::uint16_t>(port);
  EXPECT_EQ(muster.call("a@127.0.0.1", "erlang", "node", {}), "'a@127.0.0.1'");
}

TEST(DistDial, ReachesNodesThatNeverConnectByThemselves) {
  Epmd epmd;
  ErlOptions options;
  options.args = {"-kernel", "dist_auto_connect", "never"};
  ErlNode a(epmd, options);
  TestNode muster(config_for(epmd));
  EXPECT_EQ(a.eval("net_adm:ping('muster@127.0.0.1')"), "pang");
  EXPECT_EQ(muster.call("a@127.0.0.1", "erlang", "node", {}), "'a@127.0.0.1'");
  EXPECT_EQ(a.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
}

TEST(DistDial, SharesOneDialAmongAllWhoAsk) {
  Epmd epmd;
  ErlNode a(epmd, {});
  TestNode muster(config_for(epmd));
  std::vector<std::future<Result<std::shared_ptr<dist::Link>>>> asked;
  for (int i = 0; i < 20; ++i)
    asked.push_back(boost::asio::co_spawn(muster.context(), muster.node().connect("a@127.0.0.1"),
                                          boost::asio::use_future));
  std::set<dist::Link*> links;
  for (auto& one : asked) {
    auto link = one.get();
    ASSERT_TRUE(link) << link.error().text();
    links.insert(link->get());
  }
  EXPECT_EQ(links.size(), 1u);
}

TEST(DistDial, RefusesWhoHasAnotherCookie) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  ErlOptions options;
  options.name = "b@127.0.0.1";
  options.cookie = "another";
  ErlNode b(epmd, options);
  EXPECT_EQ(b.eval("net_adm:ping('muster@127.0.0.1')"), "pang");
  muster.on_node([&] { muster.known["b@127.0.0.1"].cookie = Secret("another"); });
  EXPECT_EQ(b.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  EXPECT_EQ(muster.events(), std::vector<std::string>{"up b@127.0.0.1"});
}

TEST(DistDial, WorksOverIpv6) {
  Epmd epmd;
  auto config = config_for(epmd);
  config.long_host = "::1";
  config.listen = {boost::asio::ip::make_address("::1")};
  TestNode muster(std::move(config));
  ErlOptions options;
  options.name = "n6@::1";
  options.args = {"-proto_dist", "inet6_tcp", "-name", "n6@::1"};
  options.name = "";
  ErlNode a(epmd, options);
  EXPECT_EQ(a.eval("net_adm:ping('muster@::1')"), "pong");
  EXPECT_EQ(muster.call("n6@::1", "erlang", "node", {}), "'n6@::1'");
  muster.on_node([&] { muster.node().close("n6@::1"); });
  EXPECT_TRUE(waits_for(muster, "down n6@::1 dropped"));
  EXPECT_EQ(muster.call("n6@::1", "erlang", "node", {}), "'n6@::1'");
}

TEST(DistDial, GivesANameToWhoAsksForOne) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  ErlOptions options;
  options.name = "";
  options.args = {"-sname", "undefined@localhost"};
  if (host_otp().release < 24) GTEST_SKIP() << "OTP 24 and later ask for names";
  options.args = {"-sname", "undefined"};
  ErlNode a(epmd, options);
  EXPECT_EQ(a.eval("net_kernel:connect_node(muster@localhost)"), "true");
  EXPECT_EQ(a.eval("rpc:call(muster@localhost, m, echo, [1])"), "1");
  auto name = a.eval("node()");
  EXPECT_EQ(name.find("muster_"), name[0] == '\'' ? 1u : 0u) << name;
}

class DistPair : public testing::Test {
 protected:
  static dist::NodeConfig quick(const Epmd& epmd, const std::string& name) {
    auto config = config_for(epmd, name);
    config.times.tick = milliseconds(100);
    config.times.probe = milliseconds(300);
    config.times.silence = milliseconds(900);
    return config;
  }
  Epmd epmd_;
};

TEST_F(DistPair, ConnectAtTheSameTimeAndAgreeOnOneLink) {
  TestNode a(config_for(epmd_, "a")), z(config_for(epmd_, "z"));
  for (int round = 0; round < 50; ++round) {
    auto from_a = boost::asio::co_spawn(a.context(), a.node().connect("z@127.0.0.1"),
                                        boost::asio::use_future);
    auto from_z = boost::asio::co_spawn(z.context(), z.node().connect("a@127.0.0.1"),
                                        boost::asio::use_future);
    auto at_a = from_a.get(), at_z = from_z.get();
    ASSERT_TRUE(at_a) << at_a.error().text();
    ASSERT_TRUE(at_z) << at_z.error().text();
    ASSERT_EQ(a.call("z@127.0.0.1", "m", "echo", {round}), std::to_string(round));
    ASSERT_EQ(z.call("a@127.0.0.1", "m", "echo", {round}), std::to_string(round));
    EXPECT_EQ(a.on_node([&] { return a.node().links().size(); }), 1u);
    EXPECT_EQ(z.on_node([&] { return z.node().links().size(); }), 1u);
    a.on_node([&] { a.node().close("z@127.0.0.1"); });
    ASSERT_TRUE(eventually([&] { return z.on_node([&] { return z.node().links().empty(); }); }));
  }
}

TEST_F(DistPair, ConnectAtTheSameTimeAsARealNode) {
  for (auto name : {"a@127.0.0.1", "z@127.0.0.1"}) {  // either side's name may be the greater one
    ErlOptions options;
    options.name = name;
    ErlNode erl(epmd_, options);
    TestNode muster(config_for(epmd_));
    for (int round = 0; round < 20; ++round) {
      auto dialled = boost::asio::co_spawn(muster.context(), muster.node().connect(name),
                                           boost::asio::use_future);
      ASSERT_EQ(erl.eval("net_adm:ping('muster@127.0.0.1')"), "pong") << name << round;
      auto link = dialled.get();
      ASSERT_TRUE(link) << name << round << link.error().text();
      ASSERT_EQ(erl.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
      erl.eval("erlang:disconnect_node('muster@127.0.0.1')");
      ASSERT_TRUE(eventually(
          [&] { return muster.on_node([&] { return muster.node().links().empty(); }); }));
    }
  }
}

TEST_F(DistPair, ReplacesALinkWhosePeerHasForgottenIt) {
  TestNode muster(config_for(epmd_));
  TestNode first(config_for(epmd_, "twin"));
  EXPECT_EQ(kind(first, "muster@127.0.0.1"), "up");
  auto config = config_for(epmd_, "twin");
  config.listen.clear();  // the same node after a crash that our TCP has not noticed
  TestNode second(std::move(config));
  EXPECT_EQ(kind(second, "muster@127.0.0.1"), "up");
  EXPECT_TRUE(waits_for(muster, "down twin@127.0.0.1 dropped"));
  EXPECT_TRUE(waits_for(first, "down muster@127.0.0.1 closed"));
  EXPECT_EQ(second.call("muster@127.0.0.1", "m", "echo", {2}), "2");
  EXPECT_EQ(muster.on_node([&] { return muster.node().links().size(); }), 1u);
}

TEST_F(DistPair, KeepsAnIdleLink) {
  TestNode a(quick(epmd_, "a")), b(quick(epmd_, "b"));
  EXPECT_EQ(kind(a, "b@127.0.0.1"), "up");
  std::this_thread::sleep_for(seconds(3));
  EXPECT_EQ(a.events(), std::vector<std::string>{"up b@127.0.0.1"});
}

TEST_F(DistPair, CallsAFrozenPeerSilent) {
  ErlNode a(epmd_, {});
  TestNode muster(quick(epmd_, "muster"));
  EXPECT_EQ(kind(muster, "a@127.0.0.1"), "up");
  a.process().signal(SIGSTOP);
  EXPECT_TRUE(waits_for(muster, "down a@127.0.0.1 silent"));
  a.process().signal(SIGCONT);
  EXPECT_EQ(kind(muster, "a@127.0.0.1"), "up");
}

TEST_F(DistPair, AsksAPeerWithALongTickTimeBeforeItCountsAsSilent) {
  ErlOptions options;
  options.args = {"-kernel", "net_ticktime", "600"};
  ErlNode a(epmd_, options);
  TestNode muster(quick(epmd_, "muster"));
  EXPECT_EQ(kind(muster, "a@127.0.0.1"), "up");
  std::this_thread::sleep_for(seconds(3));
  EXPECT_EQ(muster.events(), std::vector<std::string>{"up a@127.0.0.1"});
  EXPECT_EQ(a.eval("erlang:is_process_alive(self())"), "true");
}

TEST_F(DistPair, ClosesTheLinkOfAPeerThatDoesNotRead) {
  ErlNode a(epmd_, {});
  auto config = config_for(epmd_);
  config.limits.queued = 1 << 20;
  TestNode muster(std::move(config));
  auto link = muster.connect("a@127.0.0.1");
  ASSERT_TRUE(link);
  a.process().signal(SIGSTOP);
  auto text = std::string(100'000, 'x');
  for (int i = 0; i < 1000 && !muster.has_event("down a@127.0.0.1 overloaded"); ++i)
    muster.on_node([&] { (*link)->send("nosuch", etf::binary(text)); });
  EXPECT_TRUE(waits_for(muster, "down a@127.0.0.1 overloaded"));
  a.process().signal(SIGCONT);
}

TEST_F(DistPair, APeerThatStreamsCallsAndDoesNotReadIsNotReadEither) {
  auto config = config_for(epmd_);
  config.limits.read_stop = 64 << 10;
  TestNode muster(std::move(config));
  Insider peer(muster.node().port());
  ASSERT_TRUE(peer.is_in());
  const auto own = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom("x");
  const dist::WireNames names{own, us, 77};
  std::string call;
  dist::FrameWriter writer(call, names, dist::Op::reg_send, 4);
  writer.own({1, 0}).atom("").atom("srv").payload().tuple(3).atom("$gen_call");
  writer.tuple(2).own({1, 0}).own_ref(5).tuple(2).atom("echo");
  writer.term(etf::binary(std::string(300, 'x'))).end();
  std::string few;
  for (int i = 0; i < 8; ++i) few += call;
  for (int i = 0; i < 10'000 && peer.say(few); ++i) continue;
  auto queued = [&] {
    return muster.on_node([&] { return muster.node().find("bad@127.0.0.1")->queued(); });
  };
  EXPECT_LT(queued(), 2u << 20);
  EXPECT_GT(queued(), 64u << 10);
  EXPECT_TRUE(eventually([&] {
    peer.hear(1 << 20, milliseconds(100));
    return queued() == 0;
  }));
  EXPECT_EQ(muster.events(), std::vector<std::string>{"up bad@127.0.0.1"});
}

TEST_F(DistPair, HoldsBackASenderUntilThePeerReads) {
  ErlNode a(epmd_, {});
  TestNode muster(config_for(epmd_));
  auto link = muster.connect("a@127.0.0.1");
  ASSERT_TRUE(link);
  a.process().signal(SIGSTOP);
  auto text = std::string(100'000, 'x');
  muster.on_node([&] {
    for (int i = 0; i < 200; ++i) (*link)->send("nosuch", etf::binary(text));
  });
  auto free = boost::asio::co_spawn(muster.context(), (*link)->writable(), boost::asio::use_future);
  EXPECT_EQ(free.wait_for(milliseconds(300)), std::future_status::timeout);
  a.process().signal(SIGCONT);
  EXPECT_EQ(free.wait_for(seconds(10)), std::future_status::ready);
  EXPECT_TRUE(free.get());
}

TEST(DistHostile, StrangersCostThemselvesOnly) {
  Epmd epmd;
  auto config = config_for(epmd);
  config.times.handshake = milliseconds(500);
  config.limits.incoming = 50;
  TestNode muster(std::move(config));
  ErlNode a(epmd, {});
  EXPECT_EQ(a.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  auto port = muster.node().port();
  Stranger http(port), mute(port), slow(port), large(port);
  http.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(http.is_hung_up(seconds(5)));
  large.say("\xff\xff");
  EXPECT_TRUE(large.is_hung_up(seconds(5)));
  slow.say(std::string("\0\x10N", 3));
  EXPECT_TRUE(mute.is_hung_up(seconds(5))) << "the handshake has its time";
  EXPECT_TRUE(slow.is_hung_up(seconds(5)));
  std::vector<std::unique_ptr<Stranger>> many;
  for (int i = 0; i < 200; ++i) many.push_back(std::make_unique<Stranger>(port));
  EXPECT_TRUE(eventually([&] { return many.back()->is_hung_up(milliseconds(50)); }));
  EXPECT_EQ(a.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
}

TEST(DistHostile, APeerThatSendsRubbishLosesItsOwnLink) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  ErlNode good(epmd, {});
  EXPECT_EQ(good.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  auto port = muster.node().port();
  std::string call;
  {
    const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom("x");
    const dist::WireNames names{bad, us, 77};
    dist::FrameWriter writer(call, names, dist::Op::reg_send, 4);
    writer.own({1, 0}).atom("").atom("srv");
    call.erase(0, 4);
  }
  std::vector<std::string> rubbish{"\xff",
                                   std::string("\x70\x83\x68\xff", 4),
                                   std::string("\x70\x83\x69\xff\xff\xff\xff\x61\x01", 9),
                                   "\x83\x44",
                                   call + "\x83\x6c\xff\xff\xff\xff",
                                   call + "\x83" + std::string(200'000, 'l')};
  std::string deep = call + "\x83";
  for (int i = 0; i < 100'000; ++i) deep += "\x68\x01";
  rubbish.push_back(deep + "j");
  for (auto& bytes : rubbish) {
    Insider bad(port);
    ASSERT_TRUE(bad.is_in());
    bad.frame(bytes);
    EXPECT_TRUE(bad.is_hung_up(seconds(5))) << bytes.substr(0, 60);
  }
  Insider boaster(port);
  boaster.say("\xff\xff\xff\xff");
  EXPECT_TRUE(boaster.is_hung_up(seconds(5)));
  EXPECT_EQ(good.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
  EXPECT_FALSE(muster.has_event("down a@127.0.0.1 closed"));
}

TEST(DistHostile, EveryFrameOfTheCorpusWithEveryByteChangedLeavesOthersAlone) {
  Epmd epmd;
  TestNode muster(config_for(epmd));
  ErlNode good(epmd, {});
  EXPECT_EQ(good.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  auto seed = 1u;
  for (auto& entry :
       std::filesystem::directory_iterator(MUSTER_SOURCE_DIR "/tests/fuzz/corpus/dist_control")) {
    auto whole = read_file(entry.path());
    for (std::size_t at = 0; at < whole.size(); at += 5) {
      auto changed = whole;
      changed[at] = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
      Insider bad(muster.node().port());
      bad.frame(changed);
      bad.end_sending();
      ASSERT_TRUE(bad.is_hung_up(seconds(5)));
    }
  }
  EXPECT_EQ(good.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
  EXPECT_FALSE(muster.has_event("down a@127.0.0.1 closed"));
}

class DistTls : public testing::TestWithParam<int> {
 protected:
  dist::NodeConfig tls_config() {
    auto config = config_for(epmd_);
    auto identity = authority_.issue("127.0.0.1");
    config.tls = dist::TlsFiles{identity.certificate, identity.key, authority_.certificate()};
    return config;
  }
  ErlOptions options() {
    ErlOptions options;
    options.otp = otp(GetParam());
    options.tls = &authority_;
    return options;
  }
  Authority authority_;
  Epmd epmd_;
};

TEST_P(DistTls, IsSpokenInBothDirections) {
  if (auto why = otp(GetParam()).unavailable; !why.empty()) GTEST_SKIP() << why;
  ErlNode a(epmd_, options());
  TestNode muster(tls_config());
  EXPECT_EQ(a.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  EXPECT_EQ(a.eval("rpc:call('muster@127.0.0.1', m, echo, [1])"), "1");
  EXPECT_EQ(
      a.eval("B = binary:copy(<<7>>, 3000000), B =:= rpc:call('muster@127.0.0.1', m, echo, [B])"),
      "true");
  EXPECT_TRUE(muster.on_node([&] { return muster.node().find("a@127.0.0.1")->is_tls(); }));
  muster.on_node([&] { muster.node().close("a@127.0.0.1"); });
  EXPECT_TRUE(waits_for(muster, "down a@127.0.0.1 dropped"));
  muster.on_node([&] { muster.known["a@127.0.0.1"].tls = true; });
  EXPECT_EQ(muster.call("a@127.0.0.1", "erlang", "node", {}), "'a@127.0.0.1'");
  EXPECT_EQ(
      muster.call("a@127.0.0.1", "erlang", "byte_size", {etf::binary(std::string(3'000'000, 'x'))}),
      "3000000");
  EXPECT_TRUE(muster.on_node([&] { return muster.node().find("a@127.0.0.1")->is_outgoing(); }));
}

INSTANTIATE_TEST_SUITE_P(Otp, DistTls, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

TEST(DistTlsChecks, CertificatesOnBothSides) {
  Epmd epmd;
  Authority good, other;
  auto config = config_for(epmd);
  auto ours = good.issue("127.0.0.1");
  config.tls = dist::TlsFiles{ours.certificate, ours.key, good.certificate()};
  TestNode muster(config);
  ErlOptions options;
  options.tls = &other;
  ErlNode stranger(epmd, options);
  EXPECT_EQ(stranger.eval("net_adm:ping('muster@127.0.0.1')"), "pang");
  muster.on_node([&] { muster.known["a@127.0.0.1"].tls = true; });
  EXPECT_EQ(kind(muster, "a@127.0.0.1"), "tls");

  // A certificate of the right authority, for another host.
  config.name = "elsewhere";
  auto theirs = good.issue("127.0.0.2");
  config.tls = dist::TlsFiles{theirs.certificate, theirs.key, good.certificate()};
  TestNode elsewhere(config);
  muster.on_node([&] { muster.known["elsewhere@127.0.0.1"].tls = true; });
  EXPECT_EQ(kind(muster, "elsewhere@127.0.0.1"), "tls");

  // Who must speak TLS is not let in without.
  ErlOptions plain;
  plain.name = "b@127.0.0.1";
  ErlNode b(epmd, plain);
  EXPECT_EQ(b.eval("net_adm:ping('muster@127.0.0.1')"), "pong");
  b.eval("erlang:disconnect_node('muster@127.0.0.1')");
  muster.on_node([&] { muster.known["b@127.0.0.1"].tls = true; });
  EXPECT_EQ(b.eval("net_adm:ping('muster@127.0.0.1')"), "pang");
}

}  // namespace
}  // namespace muster::test
