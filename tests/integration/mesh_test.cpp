// The daemon as a node of the mesh, seen from real shells of every OTP release: what a BEAM node
// answers, it answers.
#include <gtest/gtest.h>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

/// A shell of one OTP release beside one daemon, both with long names. In the shell, M is the
/// daemon's name.
class Mesh : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto erlang = otp(GetParam());
    if (!erlang.unavailable.empty()) GTEST_SKIP() << erlang.unavailable;
    daemon_ = std::make_unique<Daemon>(epmd_);
    ErlOptions options;
    options.otp = erlang;
    shell_ = std::make_unique<ErlNode>(epmd_, options);
    eval("M = '" + daemon_->name() + "'");
    eval("Flush = fun Flush() -> receive X -> [X | Flush()] after 0 -> [] end end, ok");
    eval("Next = fun() -> receive X -> X after 5000 -> nothing end end, ok");
  }

  std::string eval(const std::string& expressions) { return shell_->eval(expressions); }

  Epmd epmd_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<ErlNode> shell_;
};

INSTANTIATE_TEST_SUITE_P(Otp, Mesh, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

TEST_P(Mesh, IsAHiddenNodeThatAnswersPing) {
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
  EXPECT_EQ(eval("nodes()"), "[]");
  EXPECT_EQ(eval("nodes(hidden) =:= [M]"), "true");
}

TEST_P(Mesh, AnswersCallsOfGenServer) {
  EXPECT_EQ(eval("gen_server:call({muster, M}, {echo, 1})"), "{ok,1}");
  EXPECT_EQ(eval("gen_server:multi_call([M], muster, {echo, 1}) =:= {[{M, {ok, 1}}], []}"), "true");
  EXPECT_EQ(eval("gen_server:cast({muster, M}, {echo, 1})"), "ok");
  EXPECT_EQ(eval("R = gen_server:send_request({muster, M}, {echo, 1}),"
                 "gen_server:wait_response(R, 5000)"),
            "{reply,{ok,1}}");
  EXPECT_EQ(eval("timer:sleep(100), Flush()"), "[]");
}

TEST_P(Mesh, SaysNoprocForANameThatIsNotRegistered) {
  EXPECT_EQ(eval("try gen_server:call({nosuch, M}, x) catch exit:{Why, _} -> Why end"), "noproc");
  EXPECT_EQ(eval("R1 = monitor(process, {nosuch, M}), {'DOWN', R1, process, {nosuch, M}, Y1} = "
                 "Next(), Y1"),
            "noproc");
  EXPECT_EQ(eval("{nosuch, M} ! hello, gen_server:cast({nosuch, M}, hello)"), "ok");
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, AnswersRpc) {
  EXPECT_EQ(eval("rpc:call(M, muster, echo, [1])"), "{ok,1}");
  EXPECT_EQ(eval("rpc:block_call(M, muster, echo, [1])"), "{ok,1}");
  EXPECT_EQ(eval("rpc:multicall([M], muster, echo, [1])"), "{[{ok,1}],[]}");
  EXPECT_EQ(eval("rpc:yield(rpc:async_call(M, muster, echo, [1]))"), "{ok,1}");
  EXPECT_EQ(eval("rpc:cast(M, muster, echo, [1])"), "true");
  EXPECT_EQ(eval("rpc:call(M, muster, nosuch, [])"),
            "{badrpc,{'EXIT',{undef,[{muster,nosuch,[],[]}]}}}");
  EXPECT_EQ(eval("node(rpc:call(M, erlang, whereis, [topology])) =:= M"), "true");
  EXPECT_EQ(eval("rpc:call(M, erlang, whereis, [nosuch])"), "undefined");
}

TEST_P(Mesh, AnswersErpc) {
  EXPECT_EQ(eval("erpc:call(M, muster, echo, [1])"), "{ok,1}");
  EXPECT_EQ(eval("erpc:multicall([M], muster, echo, [1])"), "[{ok,{ok,1}}]");
  EXPECT_EQ(eval("erpc:receive_response(erpc:send_request(M, muster, echo, [1]), 5000)"), "{ok,1}");
  EXPECT_EQ(eval("erpc:cast(M, muster, echo, [1])"), "ok");
  EXPECT_EQ(eval("erpc:call(M, muster, nosuch, [])"),
            "error:{exception,undef,[{muster,nosuch,[],[]}]}");
  EXPECT_EQ(eval("timer:sleep(100), Flush()"), "[]");
}

TEST_P(Mesh, HelpIsAnsweredWhereverTheGroupLeaderOfItsCallerIs) {
  ErlOptions options;
  options.otp = otp(GetParam());
  options.name = "terminal@127.0.0.1";
  ErlNode terminal(epmd_, options);
  eval(
      "Help = fun(Leader) -> Me = self(), spawn(fun() -> group_leader(Leader, self()), "
      "Me ! {help, rpc:call(M, muster, h, [])} end), "
      "receive {help, H} when is_binary(H) -> text; {help, H} -> H after 20000 -> nothing end end,"
      "Far = rpc:call('terminal@127.0.0.1', erlang, whereis, [user]), ok");
  EXPECT_EQ(eval("Help(Far)"), "text") << "as in a remote shell: the daemon has no link there";
  EXPECT_EQ(eval("Help(spawn(fun() -> ok end))"), "text") << "nobody answers";
  EXPECT_EQ(eval("Help(whereis(user))"), "ok");
  EXPECT_EQ(terminal.eval("net_adm:ping('" + daemon_->name() + "')"), "pong");
  EXPECT_EQ(eval("Help(Far)"), "ok");
  EXPECT_TRUE(
      eventually([&] { return terminal.printed().find("rpc:call(Node, ") != std::string::npos; }));
}

TEST_P(Mesh, SpawnsAndReportsTheEnd) {
  EXPECT_EQ(eval("node(spawn(M, muster, echo, [1])) =:= M"), "true");
  EXPECT_EQ(eval("{P, R} = spawn_monitor(M, muster, echo, [1]), {'DOWN', R, process, "
                 "P, W} = Next(), W"),
            "normal");
  EXPECT_EQ(eval("{P2, R2} = spawn_monitor(M, muster, nosuch, []), {'DOWN', R2, process, P2, W2} = "
                 "Next(), element(1, W2)"),
            "undef");
  EXPECT_EQ(eval("process_flag(trap_exit, true), P3 = spawn_link(M, muster, nosuch, []),"
                 "{'EXIT', P3, W3} = Next(), element(1, W3)"),
            "undef");
}

TEST_P(Mesh, ReadsAStreamOfMessagesAndTheCallBehindIt) {
  EXPECT_EQ(eval("[{muster, M} ! {push, I} || I <- lists:seq(1, 100000)],"
                 "gen_server:call({muster, M}, {echo, 1}, 20000)"),
            "{ok,1}");
  EXPECT_EQ(eval("[gen_server:call({muster, M}, {echo, I}) || I <- [1, 2, 3]]"),
            "[{ok,1},{ok,2},{ok,3}]");
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, KeepsMonitorsAndLinks) {
  EXPECT_EQ(eval("R = monitor(process, {muster, M}), demonitor(R, [flush])"), "true");
  EXPECT_EQ(eval("P = rpc:call(M, erlang, whereis, [muster]), link(P), unlink(P)"), "true");
  EXPECT_EQ(
      eval("process_flag(trap_exit, true), {D, _} = spawn_monitor(M, muster, echo, [1]), Next(),"
           "link(D), {'EXIT', D, W} = Next(), W"),
      "noproc");
  EXPECT_EQ(eval("R1 = monitor(process, D), {'DOWN', R1, process, D, W1} = Next(), W1"), "noproc");
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, ItsDeathIsSeenByAllWhoWatchIt) {
  EXPECT_EQ(
      eval("P = rpc:call(M, erlang, whereis, [muster]), process_flag(trap_exit, true), link(P),"
           "R = monitor(process, {muster, M}), monitor_node(M, true), net_adm:ping(M)"),
      "pong");
  daemon_->kill9();
  EXPECT_EQ(eval("lists:sort([Next(), Next(), Next()]) =:= lists:sort([{nodedown, M}, {'EXIT', P, "
                 "noconnection},"
                 "{'DOWN', R, process, {muster, M}, noconnection}])"),
            "true");
  daemon_->start();
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, AnswersTracedCalls) {
  EXPECT_EQ(eval("seq_trace:set_token(label, 7), seq_trace:set_token(send, true),"
                 "A = gen_server:call({muster, M}, {echo, 1}), B = rpc:call(M, muster, "
                 "echo, [2]),"
                 "seq_trace:set_token([]), {A, B}"),
            "{{ok,1},{ok,2}}");
}

TEST_P(Mesh, CarriesBigPayloads) {
  EXPECT_EQ(
      eval("Big = binary:copy(<<\"0123456789abcdef\">>, 4 * 1024 * 1024 - 64), byte_size(Big)"),
      "67107840");
  EXPECT_EQ(eval("rpc:call(M, muster, echo, [Big]) =:= {ok, Big}"), "true");
}

TEST_P(Mesh, EndsACallWithItsCaller) {
  EXPECT_EQ(eval("[spawn(fun() -> gen_server:call({muster, M}, {echo, 1}) end) || _ <- "
                 "lists:seq(1, 100)],"
                 "[exit(C, kill) || C <- [spawn(fun() -> erpc:call(M, muster, echo, [1]) end) "
                 "|| _ <- lists:seq(1, 100)]], net_adm:ping(M)"),
            "pong");
}

TEST_P(Mesh, RefusesAWrongCookie) {
  ErlOptions options;
  options.otp = otp(GetParam());
  options.name = "stranger@127.0.0.1";
  options.cookie = "wrong";
  ErlNode stranger(epmd_, options);
  EXPECT_EQ(stranger.eval("net_adm:ping('" + daemon_->name() + "')"), "pang");
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, IsShortAndLongNamedAtOnce) {
  ErlOptions options;
  options.otp = otp(GetParam());
  options.name = "short";
  ErlNode short_named(epmd_, options);
  const auto host = short_named.name().substr(short_named.name().find('@'));
  EXPECT_EQ(short_named.eval("net_adm:ping('muster" + host + "')"), "pong");
  EXPECT_EQ(short_named.eval("rpc:call('muster" + host + "', muster, echo, [1])"), "{ok,1}");
  EXPECT_EQ(short_named.eval("node(rpc:call('muster" + host + "', erlang, whereis, [muster]))"),
            short_named.eval("'muster" + host + "'"));
  EXPECT_EQ(eval("net_adm:ping(M)"), "pong");
}

TEST_P(Mesh, GivesADynamicNameToWhoHasNone) {
  if (GetParam() < 24) return;  // they always have a name
  ErlOptions options;
  options.otp = otp(GetParam());
  options.name = "undefined";
  ErlNode nameless(epmd_, options);
  const auto host = nameless.eval("{ok, H} = inet:gethostname(), H");
  const auto daemon = "'muster@" + host.substr(1, host.size() - 2) + "'";
  EXPECT_EQ(nameless.eval("net_kernel:connect_node(" + daemon + ")"), "true");
  EXPECT_EQ(nameless.eval("rpc:call(" + daemon + ", muster, echo, [1])"), "{ok,1}");
  EXPECT_NE(nameless.eval("node()"), "nonode@nohost");
}

TEST(MeshLife, RegistersAgainWhenEpmdWasRestarted) {
  Epmd epmd;
  Daemon daemon(epmd);
  ErlNode shell(epmd, {});
  const auto pid = "rpc:call('" + daemon.name() + "', erlang, whereis, [muster])";
  const auto before = shell.eval(pid);
  epmd.stop();
  epmd.start();
  ASSERT_TRUE(eventually([&] { return epmd.knows("muster"); }, seconds(15)));
  EXPECT_EQ(shell.eval(pid), before);
  shell.eval("erlang:disconnect_node('" + daemon.name() + "')");
  EXPECT_EQ(shell.eval(pid), before);
}

TEST(MeshLife, ServesRestWithoutEpmdAndSaysSo) {
  Epmd epmd;
  epmd.stop();
  Daemon daemon(epmd);
  EXPECT_NE(daemon.log().find("epmd"), std::string::npos);
  EXPECT_EQ(daemon.rest("GET", "/api/topo/nodes").status, 200);
  epmd.start();
  EXPECT_TRUE(eventually([&] { return epmd.knows("muster"); }, seconds(40)));
}

TEST(MeshLife, EndsInOrderOnSigterm) {
  Epmd epmd;
  Daemon daemon(epmd);
  EXPECT_TRUE(daemon.stop());
  EXPECT_TRUE(eventually([&] { return !epmd.knows("muster"); }));
}

}  // namespace
}  // namespace muster::test
