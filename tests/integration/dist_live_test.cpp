// The distribution against real nodes of four OTP releases, both roles.
#include <gtest/gtest.h>

#include "epmd.h"
#include "erl.h"
#include "etf/print.h"
#include "ports.h"
#include "test_node.h"

namespace muster::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
namespace t = etf;

dist::NodeConfig config_for(const Epmd& epmd) {
  dist::NodeConfig config;
  config.name = "muster";
  config.short_host = "localhost";
  config.long_host = "127.0.0.1";
  config.cookie = Secret("cookie");
  config.listen = {boost::asio::ip::make_address("127.0.0.1")};
  config.epmd_port = epmd.port();
  config.times.epmd_retry = milliseconds(100);
  return config;
}

class DistLive : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    erlang_ = otp(GetParam());
    if (!erlang_.unavailable.empty()) GTEST_SKIP() << erlang_.unavailable;
    epmd_.emplace();
    muster_.emplace(config_for(*epmd_));
    node_.emplace(*epmd_, options("a@127.0.0.1"));
    node_->eval("M = 'muster@127.0.0.1'");
  }
  ErlOptions options(const std::string& name) {
    ErlOptions options;
    options.otp = erlang_;
    options.name = name;
    return options;
  }
  std::string eval(const std::string& text) { return node_->eval(text); }

  Otp erlang_;
  std::optional<Epmd> epmd_;
  std::optional<TestNode> muster_;
  std::optional<ErlNode> node_;
};

TEST_P(DistLive, AnswersAPingAndIsHidden) {
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
  EXPECT_EQ(eval("nodes()"), "[]");
  EXPECT_EQ(eval("nodes(hidden)"), "['muster@127.0.0.1']");
}

TEST_P(DistLive, AnswersGenServerCalls) {
  EXPECT_EQ(eval("gen_server:call({srv, M}, {echo, #{a => [1, 2.5, <<\"x\">>]}})"),
            "#{a => [1,2.5,<<\"x\">>]}");
  EXPECT_EQ(eval("gen_server:call({nosuch, M}, hello)"),
            "exit:{noproc,{gen_server,call,[{nosuch,'muster@127.0.0.1'},hello]}}");
  EXPECT_EQ(eval("gen_server:multi_call([M], srv, {echo, 7})"), "{[{'muster@127.0.0.1',7}],[]}");
  EXPECT_EQ(
      eval("gen_server:cast({srv, M}, hey), {srv, M} ! you, gen_server:call({srv, M}, {echo, 1})"),
      "1");
  EXPECT_TRUE(muster_->has_event("cast hey"));
  EXPECT_TRUE(muster_->has_event("message you"));
  // From OTP 24 on the answer goes to an alias, and a late one is dropped by the caller's VM.
  auto late = eval(
      "catch gen_server:call({srv, M}, late, 50), "
      "gen_server:call({srv, M}, answer_late), "
      "receive {_, X} -> X after 200 -> nothing end");
  EXPECT_EQ(late, GetParam() == 23 ? "late" : "nothing");
  EXPECT_EQ(eval("gen_server:call({srv, M}, crash)"),
            "exit:{crashed,{gen_server,call,[{srv,'muster@127.0.0.1'},crash]}}");
  EXPECT_EQ(eval("gen_server:call({srv, M}, crash)"),
            "exit:{noproc,{gen_server,call,[{srv,'muster@127.0.0.1'},crash]}}");
}

TEST_P(DistLive, AnswersSendRequest) {
  EXPECT_EQ(
      eval("R = gen_server:send_request({srv, M}, {echo, 5}), gen_server:wait_response(R, 5000)"),
      "{reply,5}");
}

TEST_P(DistLive, RunsRpcAndErpc) {
  EXPECT_EQ(eval("rpc:call(M, m, echo, [{a, \"text\"}])"), "{a,\"text\"}");
  EXPECT_EQ(eval("erpc:call(M, m, echo, [1])"), "1");
  EXPECT_EQ(eval("rpc:call(M, m, nosuch, [1, 2])"),
            "{badrpc,{'EXIT',{undef,[{m,nosuch,[1,2],[]}]}}}");
  EXPECT_EQ(eval("erpc:call(M, m, throw, [])"), "throw:ball");
  EXPECT_EQ(eval("rpc:multicall([M, node()], erlang, echo, [3])").substr(0, 3), "{[3");
  EXPECT_EQ(eval("erpc:multicall([M], m, echo, [3])"), "[{ok,3}]");
  EXPECT_EQ(eval("K = rpc:async_call(M, m, echo, [9]), rpc:yield(K)"), "9");
  EXPECT_EQ(eval("rpc:cast(M, m, thrown_away, [])"), "true");
  EXPECT_EQ(eval("erpc:cast(M, m, away, [])"), "ok");
  EXPECT_TRUE(eventually([&] { return muster_->has_event("cast away"); }));
  bool is_cast_to_rex = GetParam() == 23;
  EXPECT_TRUE(is_cast_to_rex || muster_->has_event("cast thrown_away"));
}

TEST_P(DistLive, SpawnsAndMonitors) {
  EXPECT_EQ(eval("{P, R1} = erlang:spawn_opt(M, m, run, [], [monitor]), "
                 "receive {'DOWN', R1, process, P, W1} -> W1 after 5000 -> timeout end"),
            "normal");
  EXPECT_EQ(eval("R2 = monitor(process, {nosuch, M}), "
                 "receive {'DOWN', R2, process, {nosuch, M}, W2} -> W2 after 5000 -> timeout end"),
            "noproc");
  EXPECT_EQ(eval("S = gen_server:call({srv, M}, whoami), R3 = monitor(process, S), "
                 "R4 = monitor(process, {srv, M}), catch gen_server:call(S, crash), "
                 "receive {'DOWN', R3, process, S, W3} -> W3 after 5000 -> timeout end"),
            "crashed");
  EXPECT_EQ(eval("receive {'DOWN', R4, process, {srv, M}, W4} -> W4 after 5000 -> timeout end"),
            "crashed");
  EXPECT_EQ(eval("R5 = monitor(process, S), "
                 "receive {'DOWN', R5, process, S, W5} -> W5 after 5000 -> timeout end"),
            "noproc");
}

TEST_P(DistLive, ADemonitorLeavesALinkedJobAlone) {
  EXPECT_EQ(eval("process_flag(trap_exit, true), "
                 "{P, R} = erlang:spawn_opt(M, m, hang, [], [link, monitor]), demonitor(R), "
                 "gen_server:call({srv, M}, {echo, 1}), "
                 "receive {'EXIT', P, W1} -> W1 after 0 -> none end"),
            "none");
  EXPECT_EQ(eval("exit(P, kill), receive {'EXIT', P, W2} -> W2 after 5000 -> none end"), "killed");
}

TEST_P(DistLive, LinksAndExits) {
  EXPECT_EQ(eval("process_flag(trap_exit, true), S = gen_server:call({srv, M}, whoami), link(S), "
                 "unlink(S), link(S), exit(S, stop_it), catch gen_server:call(S, crash), "
                 "receive {'EXIT', S, W} -> W after 5000 -> timeout end"),
            "crashed");
  EXPECT_TRUE(muster_->has_event("exit signal: stop_it"));
  EXPECT_EQ(eval("link(S), receive {'EXIT', S, W2} -> W2 after 5000 -> timeout end"), "noproc");
}

TEST_P(DistLive, CancelsCallsOfCallersThatLeave) {
  // Connecting would be a part of the call's time, and nothing would be begun on a busy machine.
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
  EXPECT_EQ(eval("rpc:call(M, m, hang, [], 300)"), "{badrpc,timeout}");
  EXPECT_TRUE(eventually([&] { return muster_->has_event("cancelled"); }));
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(DistLive, PrintsInTheCallersShell) {
  EXPECT_EQ(eval("rpc:call(M, m, print, [<<\"grüß dich\\n\"/utf8>>])"), "ok");
  EXPECT_TRUE(eventually([&] { return node_->printed().find("grüß dich") != std::string::npos; }));
}

TEST_P(DistLive, TracesSequences) {
  EXPECT_EQ(eval("seq_trace:set_token(label, 7), X = gen_server:call({srv, M}, {echo, 1}, 2000), "
                 "L = seq_trace:get_token(label), seq_trace:set_token([]), {X, L}"),
            "{1,{label,7}}");
}

TEST_P(DistLive, CarriesSixtyFourMegabytes) {
  EXPECT_EQ(eval("B = binary:copy(<<1>>, 64 * 1024 * 1024), B =:= rpc:call(M, m, echo, [B])"),
            "true");
  EXPECT_EQ(eval("B =:= gen_server:call({srv, M}, {echo, B}, 20000)"), "true");
}

TEST_P(DistLive, CallsAndKeepsTheClassOfTheOutcome) {
  auto call = [&](const char* module, const char* function, std::vector<t::Term> arguments,
                  milliseconds limit = seconds(10)) {
    return muster_->call("a@127.0.0.1", module, function, std::move(arguments), limit);
  };
  EXPECT_EQ(call("erlang", "node", {}), "'a@127.0.0.1'");
  EXPECT_EQ(call("erlang", "error", {t::atom("bad")}), "error:bad");
  EXPECT_EQ(call("erlang", "exit", {t::atom("bye")}), "exit:bye");
  EXPECT_EQ(call("erlang", "throw", {t::atom("ball")}), "throw:ball");
  EXPECT_EQ(call("no", "such", {}), "error:undef");
  EXPECT_EQ(call("timer", "sleep", {10'000}, milliseconds(100)).substr(0, 8), "timeout:");
  EXPECT_EQ(call("io", "format", {t::Term(t::CharList{"printed~n"})}), "ok");
  EXPECT_EQ(call("erlang", "length", {t::list(1, 2, 3)}), "3");
}

TEST_P(DistLive, AnAnswerOfTooManyTermsEndsTheCallAndNotTheLink) {
  std::vector<t::Term> arguments{20'000'000, t::Term()};
  EXPECT_EQ(muster_->call("a@127.0.0.1", "lists", "duplicate", arguments, seconds(30)).substr(0, 9),
            "too_large");
  auto link = muster_->connect("a@127.0.0.1");
  ASSERT_TRUE(link);
  auto request = t::tuple(t::atom("block_call"), t::atom("lists"), t::atom("duplicate"),
                          t::Term(t::List{arguments, nullptr}), t::atom("user"));
  auto answer = muster_->wait((*link)->gen_call("rex", std::move(request), seconds(30)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().errc(), Errc::too_large) << answer.error().text();
  // The daemon's own questions have short answers.
  answer = muster_->wait((*link)->call("lists", "duplicate", {20'000, t::atom("x")}, seconds(30)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().errc(), Errc::too_large) << answer.error().text();
  EXPECT_EQ(muster_->events(), std::vector<std::string>{"up a@127.0.0.1"});
}

TEST_P(DistLive, CallsServersAndMonitorsProcesses) {
  auto link = muster_->connect("a@127.0.0.1");
  ASSERT_TRUE(link);
  auto answer = muster_->wait((*link)->gen_call(
      "net_kernel", t::tuple(t::atom("is_auth"), t::atom("muster@127.0.0.1")), seconds(5)));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(answer->is_atom("yes"));
  auto nobody = muster_->wait((*link)->gen_call("nosuch", t::atom("x"), seconds(5)));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().errc(), Errc::not_found);

  eval(
      "Parent = self(), P = spawn(fun() -> register(mortal, self()), Parent ! go, "
      "receive die -> exit(died) end end), receive go -> ok end");
  dist::MonitorHandle by_name, unused, gone;
  muster_->on_node([&] {
    by_name = (*link)->monitor(
        "mortal", [&](const t::Term& why) { muster_->note("mortal " + t::to_string(why)); });
    unused = (*link)->monitor(
        "unused", [&](const t::Term& why) { muster_->note("unused " + t::to_string(why)); });
    gone = (*link)->monitor(
        "init", [&](const t::Term& why) { muster_->note("init " + t::to_string(why)); });
  });
  EXPECT_TRUE(eventually([&] { return muster_->has_event("unused noproc"); }));
  eval("P ! die");
  EXPECT_TRUE(eventually([&] { return muster_->has_event("mortal died"); }));
  node_.reset();
  EXPECT_TRUE(eventually([&] { return muster_->has_event("init noconnection"); }));
  EXPECT_TRUE(eventually([&] { return muster_->has_event("down a@127.0.0.1 closed"); }));
}

// The call had been posted already, and came when what it referred to was gone.
TEST_P(DistLive, AMonitorOfALinkThatIsGoneIsSilentOnceLetGo) {
  auto link = muster_->connect("a@127.0.0.1");
  ASSERT_TRUE(link);
  node_.reset();
  EXPECT_TRUE(eventually([&] { return muster_->has_event("down a@127.0.0.1 closed"); }));
  dist::MonitorHandle kept;
  muster_->on_node([&] {
    kept = (*link)->monitor("init", [&](const t::Term&) { muster_->note("kept"); });
    auto let_go = (*link)->monitor("init", [&](const t::Term&) { muster_->note("let go"); });
  });
  EXPECT_TRUE(eventually([&] { return muster_->has_event("kept"); }));
  EXPECT_FALSE(muster_->has_event("let go"));
}

TEST_P(DistLive, IsSeenByMonitorNode) {
  EXPECT_EQ(eval("net_adm:ping(M), erlang:monitor_node(M, true)"), "true");
  muster_.reset();
  EXPECT_EQ(eval("receive {nodedown, M} -> down after 5000 -> timeout end"), "down");
}

TEST_P(DistLive, MeetsShortNamedNodesAtTheSameTime) {
  // localhost has no dot: a short-named node that we dial.
  auto short_options = options("b");
  ErlNode b(*epmd_, short_options);
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
  auto said = muster_->call(b.name(), "erlang", "node", {});
  EXPECT_NE(said.find(b.name()), std::string::npos) << said;
  EXPECT_EQ(b.eval("nodes(hidden)"), "[muster@localhost]");
  EXPECT_EQ(b.eval("rpc:call(muster@localhost, m, echo, [1])"), "1");
}

TEST_P(DistLive, SaysWhyANodeCannotBeReached) {
  auto kind = [&](const std::string& peer) {
    auto link = muster_->connect(peer);
    return link ? std::string("up") : link.error().code.message();
  };
  EXPECT_EQ(kind("nobody@127.0.0.1"), "not_registered");
  EXPECT_EQ(kind("nobody@127.0.0.9"), "refused");
  muster_->known["a@127.0.0.1"].cookie = Secret("wrong");
  EXPECT_EQ(kind("a@127.0.0.1"), "cookie");
  muster_->known.clear();
  muster_->known["z@127.0.0.1"].port = static_cast<std::uint16_t>(
      std::stoi(eval("{port, Port, _} = erl_epmd:port_please(\"a\", {127,0,0,1}), Port")));
  EXPECT_EQ(kind("z@127.0.0.1"), "wrong_name");
  EXPECT_EQ(eval("net_kernel:allow(['b@127.0.0.1'])"), "ok");
  EXPECT_EQ(kind("a@127.0.0.1"), "not_allowed");
}

INSTANTIATE_TEST_SUITE_P(Otp, DistLive, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace muster::test
