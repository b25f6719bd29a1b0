// Managed nodes and commands against real Erlang nodes.
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <thread>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

class Topology : public testing::Test {
 protected:
  ErlNode node(const std::string& name, const std::string& cookie = "cookie",
               std::vector<std::string> args = {}) {
    return ErlNode(epmd_, options(name, cookie, std::move(args)));
  }
  static ErlOptions options(const std::string& name, const std::string& cookie = "cookie",
                            std::vector<std::string> args = {}) {
    ErlOptions options;
    options.name = name;
    options.cookie = cookie;
    options.args = std::move(args);
    return options;
  }

  Epmd epmd_;
  Daemon daemon_{epmd_};
  ManagedNodes nodes_{daemon_};
};

/// It dialled itself for ever, and refused itself.
TEST_F(Topology, TheDaemonInAnotherSpellingIsToldApartAndDialledOnce) {
  const std::string name = "muster@localhost";
  nodes_.add(name, {{"cookie", "its-own"}});
  auto row = nodes_.wait_for(name, "not_allowed");
  EXPECT_NE(row.at("detail").as_string().find("is this daemon itself"), std::string::npos) << row;
  std::this_thread::sleep_for(seconds(4));  // a node that is DOWN is dialled again after 2
  auto log = daemon_.log();
  std::size_t refused = 0;
  for (auto at = log.find("was not let in"); at != log.npos;
       at = log.find("was not let in", at + 1))
    ++refused;
  EXPECT_LE(refused, 1u) << log;
  EXPECT_EQ(nodes_.get(name).at("reason"), "not_allowed");
}

TEST_F(Topology, ANodeIsUpOnceItHasDescribedItself) {
  auto erl = node("a@127.0.0.1");
  auto up = nodes_.bring_up(erl.name());
  EXPECT_EQ("\"" + std::string(up.at("otp_release").as_string()) + "\"",
            erl.eval("erlang:system_info(otp_release)"));
  EXPECT_EQ(erl.eval("nodes()"), "[]");
  EXPECT_EQ(erl.eval("nodes(hidden) =/= []"), "true");
  EXPECT_EQ(json::serialize(up).find("cookie"), std::string::npos);
}

TEST_F(Topology, AShortNamedAndALongNamedNodeAreManagedAtOnce) {
  auto longs = node("l@127.0.0.1");
  auto shorts = node("s");
  nodes_.add(longs.name());
  nodes_.add(shorts.name());
  nodes_.wait_for(longs.name(), "UP");
  nodes_.wait_for(shorts.name(), "UP");
}

TEST_F(Topology, SaysWhyANodeIsDown) {
  nodes_.add("nobody@127.0.0.1");
  auto nobody = nodes_.wait_for("nobody@127.0.0.1", "not_registered");
  EXPECT_EQ(nobody.at("detail"), "connect to nobody@127.0.0.1: epmd has no such name");
  auto erl = node("c@127.0.0.1", "another");
  nodes_.add(erl.name());
  nodes_.wait_for(erl.name(), "cookie");
  daemon_.rest("PATCH", "/api/topo/nodes/" + erl.name(), json::object{{"cookie", "another"}});
  nodes_.wait_for(erl.name(), "UP");
  auto shut = node("n@127.0.0.1", "cookie");
  shut.eval("net_kernel:allow(['x@127.0.0.1'])");
  nodes_.add(shut.name());
  nodes_.wait_for(shut.name(), "not_allowed");
}

TEST_F(Topology, ARestartIsAnEventOfItsOwn) {
  auto listener = node("listener@127.0.0.1");
  listener.eval("rpc:call('" + daemon_.name() +
                "', muster, subscribe, [#{topics => ['topology.node_restarted']}])");
  auto before = std::make_unique<ErlNode>(epmd_, options("r@127.0.0.1"));
  auto old = nodes_.bring_up("r@127.0.0.1").at("creation");
  before.reset();
  nodes_.wait_for("r@127.0.0.1", "not_registered");
  auto after = node("r@127.0.0.1");
  auto now = nodes_.wait_for("r@127.0.0.1", "UP").at("creation");
  EXPECT_NE(old, now);
  EXPECT_EQ(
      listener.eval(
          "receive {muster_event, T, #{data := #{name := N}}} -> {T, N} after 5000 -> none end"),
      "{'topology.node_restarted','r@127.0.0.1'}");
}

TEST_F(Topology, ADaemonThatWasKilledDialsItsNodesAgain) {
  auto erl = node("k@127.0.0.1");
  nodes_.bring_up(erl.name());
  daemon_.restart();
  nodes_.wait_for(erl.name(), "UP");
  EXPECT_TRUE(daemon_.stop());
}

/// One agent of it ran, another waited for its turn: the end of the daemon waits for neither.
TEST_F(Topology, ADaemonEndsAtOnceWhoseNodesHaveDied) {
  auto living = node("living@127.0.0.1");
  nodes_.bring_up(living.name());
  std::string alarms;
  ASSERT_TRUE(eventually([&] {
    alarms = living.eval(
        "[A || A <- registered(), lists:prefix(\"muster_agent_alarms\", atom_to_list(A))]");
    return alarms != "[]";
  }));
  auto erl = std::make_unique<ErlNode>(epmd_, options("dead@127.0.0.1"));
  EXPECT_EQ(erl->eval("[register(A, spawn(fun Obeys() -> receive {lease, From, _} -> "
                      "gen_server:reply(From, {error, {obeys, another}}) end, Obeys() end)) || "
                      "A <- " +
                      alarms + "]"),
            "[true]");
  nodes_.bring_up(erl->name());
  auto lacks_one = [&] {
    auto node = json::serialize(nodes_.get(erl->name()));
    return node.find("it obeys another installation") != node.npos &&
           node.find("vitals") != node.npos;
  };
  ASSERT_TRUE(eventually(lacks_one)) << nodes_.get(erl->name());
  erl.reset();
  nodes_.wait_for("dead@127.0.0.1", "not_registered");
  auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(daemon_.stop());
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(7)) << "their next try is in ten";
}

TEST_F(Topology, DiscoverFindsConnectedNodesButNoShellsAndConnectsNobody) {
  auto a = node("d1@127.0.0.1"), b = node("d2@127.0.0.1"),
       c = node("d3@127.0.0.1", "cookie", {"-connect_all", "false"});
  auto shell = node("shell@127.0.0.1", "cookie", {"-remsh", "d1@127.0.0.1"});
  auto hidden = node("h@127.0.0.1", "cookie", {"-hidden"});
  a.eval("net_adm:ping('d2@127.0.0.1')");
  shell.eval("net_adm:ping('d1@127.0.0.1')");
  hidden.eval("net_adm:ping('d1@127.0.0.1')");
  c.eval("net_adm:ping('d2@127.0.0.1')");
  nodes_.bring_up(a.name());
  auto before = a.eval("lists:sort(nodes())");
  auto preview = daemon_.rest("POST", "/api/topo/nodes/d1@127.0.0.1/discover", json::object{}).json;
  EXPECT_NE(json::serialize(preview).find("\"d2@127.0.0.1\",\"finding\":\"found\""),
            std::string::npos)
      << json::serialize(preview);
  EXPECT_EQ(nodes_.get("d2@127.0.0.1").at("code"), "not_found");
  auto added =
      daemon_.rest("POST", "/api/topo/nodes/d1@127.0.0.1/discover", json::object{{"add", true}})
          .json;
  nodes_.wait_for("d2@127.0.0.1", "UP");
  nodes_.wait_for("d3@127.0.0.1", "UP");
  auto list = json::serialize(daemon_.rest("GET", "/api/topo/nodes").json);
  EXPECT_EQ(list.find("shell@"), std::string::npos) << list;
  EXPECT_EQ(list.find("\"h@"), std::string::npos) << list;
  EXPECT_EQ(a.eval("lists:sort(nodes())"), before);
}

TEST_F(Topology, ANodeIsAddedEvenIfItsNeighboursCannotBeAsked) {
  auto added = daemon_.rest("POST", "/api/actions/add-node",
                            {{"name", "nobody@127.0.0.1"}, {"discover", true}});
  EXPECT_EQ(added.status, 201);
  auto why = std::string(added.json.at("discovery_error").as_string());
  EXPECT_EQ(why.find("discover from nobody@127.0.0.1: "), 0U) << why;
  EXPECT_EQ(nodes_.get("nobody@127.0.0.1").at("id"), added.json.at("id"));
}

TEST_F(Topology, CommandsAnswerPerNode) {
  auto a = node("m1@127.0.0.1"), b = node("m2@127.0.0.1");
  for (auto* name : {"m1@127.0.0.1", "m2@127.0.0.1", "gone@127.0.0.1"}) nodes_.add(name);
  nodes_.wait_for("m1@127.0.0.1", "UP");
  nodes_.wait_for("m2@127.0.0.1", "UP");
  nodes_.wait_for("gone@127.0.0.1", "not_registered");
  json::array all{"m1@127.0.0.1", "m2@127.0.0.1", "gone@127.0.0.1"};
  auto value =
      nodes_.run({{"module", "lists"}, {"function", "seq"}, {"args", {1, 3}}, {"nodes", all}});
  EXPECT_EQ(value.at("results").at(0).at("value"), json::value({1, 2, 3}));
  EXPECT_EQ(value.at("results").at(1).at("outcome"), "value");
  EXPECT_EQ(value.at("results").at(2).at("outcome"), "down");
  auto failed = nodes_.run({{"module", "erlang"},
                            {"function", "error"},
                            {"args", json::array{json::object{{"$atom", "badarg"}}}},
                            {"nodes", {"m1@127.0.0.1"}}});
  EXPECT_EQ(failed.at("results").at(0).at("outcome"), "exception");
  EXPECT_EQ(failed.at("results").at(0).at("reason"), "badarg");
  auto slow = nodes_.run({{"module", "timer"},
                          {"function", "sleep"},
                          {"args", {10000}},
                          {"timeout", 300},
                          {"nodes", {"m1@127.0.0.1"}}});
  EXPECT_EQ(slow.at("results").at(0).at("outcome"), "timeout");
  auto run_id = std::string(value.at("id").as_string());
  EXPECT_EQ(daemon_.rest("GET", "/api/commands/" + run_id).json.at("caller"), "token:admin");
}

// The questions that go before the call had the whole limit each.
TEST_F(Topology, ACommandKeepsItsTimeLimitInAll) {
  auto erl = node("late@127.0.0.1");
  nodes_.bring_up(erl.name());
  ASSERT_EQ(::kill(erl.pid(), SIGSTOP), 0);
  std::thread later([&] {
    std::this_thread::sleep_for(seconds(2));
    ::kill(erl.pid(), SIGCONT);
  });
  auto run = nodes_.run({{"module", "timer"},
                         {"function", "sleep"},
                         {"args", {60000}},
                         {"timeout", 3000},
                         {"nodes", {erl.name()}}});
  later.join();
  EXPECT_EQ(run.at("results").at(0).at("outcome"), "timeout");
  EXPECT_LT(run.at("results").at(0).at("duration_ms").to_number<int>(), 4500);
}

TEST_F(Topology, ACommandEndsWhenItsClientHangsUp) {
  auto erl = node("long@127.0.0.1");
  nodes_.bring_up(erl.name());
  HttpRequest request;
  request.method = "POST";
  request.url = daemon_.url("/api/commands");
  request.headers = {"Authorization: Bearer " + daemon_.token()};
  request.body = R"({"module": "timer", "function": "sleep", "args": [60000], "timeout": 60000,
                     "nodes": ["long@127.0.0.1"]})";
  request.limit = seconds(3);
  std::thread client([&] { EXPECT_EQ(http(request).status, 0); });
  EXPECT_TRUE(eventually([&] { return asleep(erl) == 1; }));
  client.join();
  EXPECT_TRUE(eventually([&] { return asleep(erl) == 0; }));
}

TEST_F(Topology, ACommandEndsWithItsCallerInEveryKindOfCall) {
  auto erl = node("long@127.0.0.1");
  nodes_.bring_up(erl.name());
  auto caller = node("caller@127.0.0.1");
  caller.eval("M = '" + daemon_.name() + "'");
  caller.eval(
      "Run = #{module => timer, function => sleep, args => [60000], timeout => 60000, "
      "nodes => ['long@127.0.0.1']}");
  for (const std::string call :
       {"gen_server:call({commands, M}, {run, Run}, T)", "rpc:call(M, commands, run, [Run], T)",
        "rpc:block_call(M, commands, run, [Run], T)", "erpc:call(M, commands, run, [Run], T)"}) {
    SCOPED_TRACE(call);
    caller.eval("put(caller, spawn(fun() -> T = infinity, " + call + " end))");
    EXPECT_TRUE(eventually([&] { return asleep(erl) == 1; }));
    caller.eval("exit(get(caller), kill)");
    EXPECT_TRUE(eventually([&] { return asleep(erl) == 0; })) << "its death";
    caller.eval("catch (fun(T) -> " + call + " end)(1000)");
    EXPECT_TRUE(eventually([&] { return asleep(erl) == 0; })) << "its timeout";
  }
}

TEST_F(Topology, TypingMakesNoAtomOnANode) {
  auto a = node("t@127.0.0.1");
  nodes_.bring_up(a.name());
  auto answer = nodes_.run({{"module", "never_seen_before_m"},
                            {"function", "never_seen_before_f"},
                            {"nodes", {a.name()}}});
  EXPECT_EQ(answer.at("results").at(0).at("outcome"), "exception");
  EXPECT_EQ(a.eval("try binary_to_existing_atom(<<\"never_seen_before\", \"_f\">>, utf8), made "
                   "catch error:badarg -> none end"),
            "none");
}

TEST_F(Topology, BadInputIsAnsweredWithItsField) {
  auto problem = [&](const json::value& body) {
    auto reply = daemon_.rest("POST", "/api/actions/add-node", body).json;
    return std::string(reply.at("code").as_string()) + " " +
           std::string(reply.at("field").as_string());
  };
  EXPECT_EQ(problem({{"name", "x@h"}, {"cokie", "c"}}), "bad_request /cokie");
  EXPECT_EQ(problem({{"cookie", "c"}}), "bad_request /name");
  EXPECT_EQ(problem({{"name", "no node"}}), "bad_request /name");
  EXPECT_EQ(problem({{"name", "x@h"}, {"dist_port", 70000}}), "bad_request /dist_port");
  EXPECT_EQ(problem({{"name", "x@h"}, {"node", "y@h"}}).substr(0, 11), "bad_request");
}

}  // namespace
}  // namespace muster::test
