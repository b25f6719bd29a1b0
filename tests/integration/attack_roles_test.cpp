// A managed node against the daemon: with a cookie of its own it may do here what its row says,
// which is nothing unless an admin said otherwise.
#include <gtest/gtest.h>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "tls.h"
#include "websocket.h"

namespace muster::test {
namespace {

namespace json = boost::json;

class AttackRoles : public testing::Test {
 protected:
  explicit AttackRoles(DaemonOptions options = {}) : daemon_(epmd_, std::move(options)) {}

  ErlNode node(const std::string& name, const std::string& cookie) {
    auto options = named(name);
    options.cookie = cookie;
    return ErlNode(epmd_, options);
  }
  /// A node with a cookie of its own, UP over the link that the daemon has opened, and in it the
  /// words of the attack.
  std::unique_ptr<ErlNode> guest(json::object spec = {}) {
    auto options = named("guest@127.0.0.1");
    options.cookie = "the-guests";
    auto erl = std::make_unique<ErlNode>(epmd_, options);
    spec["cookie"] = options.cookie;
    nodes_.bring_up(erl->name(), std::move(spec));
    arm(*erl);
    return erl;
  }
  /// What a call gave: its value's code where that is an error, else the value.
  void arm(ErlNode& erl) {
    erl.eval("M = '" + daemon_.name() + "', Evil = #{name => <<\"evil\">>, role => admin}");
    erl.eval(
        "Code = fun({error, #{code := C}}) -> C; ({ok, _}) -> ok; (Other) -> Other end, "
        "Get = fun(Pattern) -> receive {Pattern, V} -> Code(V) after 3000 -> silence end end, "
        "ok");
  }
  void set_role(const std::string& role) {
    auto changed =
        daemon_.rest("PATCH", "/api/topo/nodes/guest@127.0.0.1", json::object{{"role", role}});
    EXPECT_EQ(changed.status, 200) << changed.text;
    EXPECT_EQ(changed.json.at("role"), json::value(role));
    EXPECT_EQ(changed.json.at("state"), "UP") << "another role, the same link";
  }
  std::size_t tokens() { return daemon_.rest("GET", "/api/tokens").json.as_array().size(); }
  std::string token(const std::string& role) {
    auto made = daemon_.rest("POST", "/api/tokens", {{"name", role}, {"role", role}});
    return std::string(made.json.at("token").as_string());
  }
  /// "201", or "403 forbidden /cookie".
  std::string by(const std::string& token, const std::string& method, const std::string& path,
                 const json::object& body) {
    HttpRequest request;
    request.method = method;
    request.url = daemon_.url(path);
    request.headers = {"Authorization: Bearer " + token, "Content-Type: application/json"};
    request.body = json::serialize(body);
    auto reply = http(request);
    auto text = std::to_string(reply.status);
    if (reply.status < 400) return text;
    auto& problem = reply.json.as_object();
    text += " " + std::string(problem["code"].as_string());
    if (problem.contains("field")) text += " " + std::string(problem["field"].as_string());
    return text;
  }

  Epmd epmd_;
  Daemon daemon_;
  ManagedNodes nodes_{daemon_};
};

TEST_F(AttackRoles, ANodeWithACookieOfItsOwnCallsNothingByAnyWay) {
  auto erl = guest();
  auto other = node("other@127.0.0.1", "the-others");
  nodes_.bring_up(other.name(), {{"cookie", "the-others"}});
  for (const std::string call :
       {"rpc:call(M, muster, add_token, [Evil])",
        "rpc:call(M, commands, run, [#{module => os, function => cmd, args => [\"id\"], nodes => "
        "['other@127.0.0.1']}])",
        "rpc:call(M, topology, update_node, [#{id => 'guest@127.0.0.1', role => admin}])",
        "rpc:call(M, muster, echo, [1])", "rpc:call(M, muster, help, [])",
        "rpc:call(M, muster, subscribe, [])", "rpc:call(M, muster, h, [])",
        "rpc:call(M, topology, module_info, [])", "rpc:call(M, erlang, registered, [])",
        "rpc:call(M, erlang, whereis, [rex])", "rpc:call(M, no, such, [])",
        "rpc:block_call(M, muster, add_token, [Evil])", "erpc:call(M, muster, add_token, [Evil])",
        "gen_server:call({muster, M}, {add_token, Evil})", "gen_server:call({muster, M}, rubbish)",
        "gen_server:call({rex, M}, {call, muster, add_token, [Evil], group_leader()})"})
    EXPECT_EQ(erl->eval("Code(" + call + ")"), "forbidden") << call;
  erl->eval("{rex, M} ! {self(), {call, muster, add_token, [Evil], group_leader()}}, ok");
  EXPECT_EQ(erl->eval("Get(rex)"), "forbidden");
  EXPECT_EQ(erl->eval("{P, R} = spawn_monitor(M, muster, add_token, [Evil]), "
                      "receive {'DOWN', R, process, P, Why} -> Code(Why) after 3000 -> none end"),
            "forbidden");
  erl->eval("spawn(M, muster, add_token, [Evil]), rpc:cast(M, muster, add_token, [Evil])");
  erl->eval("erpc:cast(M, muster, add_token, [Evil])");
  erl->eval("gen_server:cast({muster, M}, {add_token, Evil}), {muster, M} ! {add_token, Evil}, ok");
  erl->eval("gen_server:cast({rex, M}, {cast, muster, add_token, [Evil], group_leader()})");
  // What a guest is there for still works; and everything from before has been worked off.
  EXPECT_EQ(erl->eval("net_adm:ping(M)"), "pong");
  EXPECT_TRUE(eventually([&] {
    return nodes_.get("guest@127.0.0.1").as_object().contains("vitals");
  })) << "its agent's samples come";
  EXPECT_EQ(tokens(), 0U);
  EXPECT_EQ(nodes_.get("guest@127.0.0.1").at("role"), "none");
  EXPECT_GE(nodes_.get("guest@127.0.0.1").at("forbidden").to_number<int>(), 22);
  EXPECT_EQ(nodes_.get("other@127.0.0.1").at("forbidden"), 0) << "nor what others tried";
  auto audit = daemon_.rest("GET", "/api/audit?limit=1000").text;
  EXPECT_NE(audit.find("node.request"), std::string::npos) << audit;
  HttpRequest request;
  request.url = daemon_.url("/metrics");
  request.headers = {"Authorization: Bearer " + daemon_.token()};
  auto metrics = http(request).text;
  auto at = metrics.find("\nmuster_daemon_forbidden_total");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stoi(metrics.substr(metrics.find(' ', at))), 22) << metrics.substr(at, 80);
}

TEST_F(AttackRoles, ARoleIsWhatTheRowSaysAndCountsAtOnce) {
  auto erl = guest({{"role", "viewer"}});
  auto links = erl->eval("nodes(hidden)");
  const std::string look = "Code(rpc:call(M, muster, echo, [1]))",
                    add =
                        "Code(erpc:call(M, topology, add_node, [#{name => 'x@127.0.0.1', cookie "
                        "=> x, agents => none}]))",
                    make = "Code(gen_server:call({muster, M}, {add_token, Evil}))";
  EXPECT_EQ(erl->eval(look), "ok");
  EXPECT_EQ(erl->eval(add), "forbidden");
  EXPECT_EQ(erl->eval("Code(rpc:call(M, muster, subscribe, [#{topics => "
                      "['topology.node_state']}]))"),
            "ok");
  set_role("operator");
  EXPECT_EQ(erl->eval(add), "ok");
  erl->eval(
      "Got = fun(Name) -> receive {muster_event, _, #{data := #{name := Name}}} -> yes after "
      "2000 -> no end end, ok");
  EXPECT_EQ(erl->eval("Got('x@127.0.0.1')"), "yes");
  EXPECT_EQ(erl->eval(make), "forbidden");
  EXPECT_EQ(erl->eval("Code(rpc:call(M, topology, update_node, [#{id => node(), role => admin}]))"),
            "forbidden");
  set_role("admin");
  EXPECT_EQ(erl->eval(make), "ok");
  set_role("none");
  EXPECT_EQ(erl->eval(look), "forbidden");
  nodes_.add("y@127.0.0.1", {{"cookie", "y"}});
  EXPECT_EQ(erl->eval("Got('y@127.0.0.1')"), "no") << "a subscription ends with the role";
  EXPECT_EQ(erl->eval("nodes(hidden)"), links) << "over the same link";
  set_role("viewer");
  daemon_.restart();
  nodes_.wait_for(erl->name(), "UP");
  EXPECT_EQ(erl->eval(look), "ok") << "it is kept";
}

TEST_F(AttackRoles, WhatANodeOpenedWithATicketEndsWithItsRole) {
  auto erl = guest({{"role", "viewer"}});
  auto ticket = [&] {
    auto said = erl->eval("maps:get(ticket, element(2, rpc:call(M, muster, ticket, [#{}])))");
    return "/api/events?ticket=" + said.substr(3, said.size() - 6);  // <<"…">>
  };
  for (auto* way : {"none", "removed"}) {
    SCOPED_TRACE(way);
    set_role("viewer");
    WebSocket open(daemon_.http_port(), ticket());
    ASSERT_EQ(open.status(), 101);
    auto kept = ticket();
    if (way == std::string("none"))
      set_role("none");
    else
      daemon_.rest("DELETE", "/api/topo/nodes/guest@127.0.0.1");
    nodes_.add(way + std::string("@127.0.0.1"), {{"cookie", "c"}});
    std::string heard;
    while (auto event = open.next(std::chrono::seconds(2))) heard += json::serialize(*event);
    EXPECT_EQ(heard.find(way + std::string("@127.0.0.1")), std::string::npos) << heard;
    EXPECT_EQ(WebSocket(daemon_.http_port(), kept).status(), 401);
  }
}

TEST_F(AttackRoles, ACookieCountsUnderTheNameThatItWasGivenFor) {
  auto erl = guest({{"role", "admin"}});
  auto elsewhere = node("elsewhere@127.0.0.1", "the-guests");
  EXPECT_EQ(elsewhere.eval("net_adm:ping('" + daemon_.name() + "')"), "pang");
  nodes_.add("another@127.0.0.1", {{"cookie", "the-other"}});
  auto wrong = node("another@127.0.0.1", "the-guests");
  EXPECT_EQ(wrong.eval("net_adm:ping('" + daemon_.name() + "')"), "pang");
  nodes_.add("third@127.0.0.1", {{"cookie", "the-third"}});
  auto ours = node("third@127.0.0.1", "cookie");
  EXPECT_EQ(ours.eval("net_adm:ping('" + daemon_.name() + "')"), "pang")
      << "nor the daemon's own under the name of a node that has another";
  auto shell = node("shell@127.0.0.1", "cookie");
  arm(shell);
  EXPECT_EQ(shell.eval("Code(rpc:call(M, muster, add_token, [Evil]))"), "ok")
      << "the daemon's own is admin under any other";
}

/// A link that was there before its row keeps nothing of what it was.
TEST_F(AttackRoles, AShellThatBecomesAManagedNodeHasTheRoleOfItsRow) {
  auto erl = node("guest@127.0.0.1", "cookie");
  arm(erl);
  EXPECT_EQ(erl.eval("Code(rpc:call(M, muster, echo, [1]))"), "ok");
  nodes_.add(erl.name(), {{"cookie", "the-guests"}});
  nodes_.wait_for(erl.name(), "cookie");
  EXPECT_EQ(erl.eval("rpc:call(M, muster, echo, [1])"), "{badrpc,nodedown}");
}

// The help went to whatever pid of a connected node a caller named as its group leader.
TEST_F(AttackRoles, HelpIsNotPrintedOnANeighbour) {
  auto erl = guest({{"role", "viewer"}});
  auto other = node("other@127.0.0.1", "the-others");
  nodes_.bring_up(other.name(), {{"cookie", "the-others"}});
  erl->eval(
      "erlang:set_cookie('other@127.0.0.1', 'the-others'), "
      "Far = rpc:call('other@127.0.0.1', erlang, whereis, [user]), ok");
  EXPECT_EQ(erl->eval("Me = self(), spawn(fun() -> group_leader(Far, self()), "
                      "Me ! {help, rpc:call(M, muster, h, [])} end), "
                      "receive {help, H} -> is_binary(H) end"),
            "true");
  EXPECT_EQ(other.printed().find("rpc:call(Node, "), std::string::npos);
}

// One node took all subscriptions that there are.
TEST_F(AttackRoles, ANodeHasAHundredSubscriptions) {
  auto erl = guest({{"role", "viewer"}});
  EXPECT_EQ(erl->eval("[ok] = lists:usort([element(1, rpc:call(M, muster, subscribe, [])) || "
                      "_ <- lists:seq(1, 100)]), Code(rpc:call(M, muster, subscribe, []))"),
            "quota");
}

/// The exit reason of a job is its answer.
TEST_F(AttackRoles, WhatOthersCallIsNotSeenByItsPid) {
  auto erl = guest({{"role", "viewer"}});
  auto shell = node("shell@127.0.0.1", "cookie");
  shell.eval("M = '" + daemon_.name() + "'");
  shell.eval(
      "{P, R} = spawn_monitor(M, commands, run, [#{module => timer, function => sleep, args => "
      "[6000], timeout => 10000, nodes => ['guest@127.0.0.1']}]), ok");
  auto pid = shell.eval("binary_to_list(term_to_binary(P))");
  erl->eval("P = binary_to_term(list_to_binary(" + pid + "))");
  EXPECT_EQ(erl->eval("R = erlang:monitor(process, P), receive {'DOWN', R, _, _, Why} -> Why after "
                      "3000 -> watched end"),
            "noproc");
  erl->eval("process_flag(trap_exit, true), link(P)");
  EXPECT_EQ(erl->eval("receive {'EXIT', P, Reason} -> Reason after 3000 -> linked end"), "noproc");
  erl->eval("exit(P, kill)");
  EXPECT_EQ(shell.eval("receive {'DOWN', R, _, _, _} -> gone after 1000 -> runs end"), "runs");
}

TEST_F(AttackRoles, AnOperatorDoesNotMakeTheDaemonProveWhatOpensMore) {
  nodes_.add("own@127.0.0.1");
  nodes_.add("admin@127.0.0.1", {{"cookie", "c"}, {"role", "admin"}});
  nodes_.add("guest@127.0.0.1", {{"cookie", "c"}});
  auto op = token("operator");
  const std::string add = "/api/actions/add-node", own = "/api/topo/nodes/own@127.0.0.1",
                    admin = "/api/topo/nodes/admin@127.0.0.1",
                    guest = "/api/topo/nodes/guest@127.0.0.1";
  EXPECT_EQ(by(op, "POST", add, {{"name", "x@127.0.0.1"}}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "POST", add, {{"name", "x@127.0.0.1"}, {"cookie", "cookie"}}),
            "403 forbidden /cookie")
      << "the daemon's own, given";
  EXPECT_EQ(by(op, "POST", add, {{"name", "x@127.0.0.1"}, {"cookie", ""}}),
            "400 bad_request /cookie");
  EXPECT_EQ(by(op, "POST", add, {{"name", "x@127.0.0.1"}, {"cookie", "c"}, {"role", "viewer"}}),
            "403 forbidden /role");
  EXPECT_EQ(by(op, "PATCH", own, {{"dist_port", 4444}}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "PATCH", own, {{"tls", true}}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "POST", own + "/discover", {}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "PATCH", admin, {{"cookie", "known"}}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "PATCH", admin, {{"role", "none"}}), "403 forbidden /cookie");
  EXPECT_EQ(by(op, "PATCH", guest, {{"role", "viewer"}}), "403 forbidden /role");
  EXPECT_EQ(by(op, "PATCH", guest, {{"cookie", "cookie"}}), "403 forbidden /cookie");
  EXPECT_EQ(nodes_.get("own@127.0.0.1").at("role"), "admin");
  EXPECT_EQ(nodes_.get("admin@127.0.0.1").at("role"), "admin");

  EXPECT_EQ(by(op, "POST", add, {{"name", "y@127.0.0.1"}, {"cookie", "c"}}), "201");
  EXPECT_EQ(by(op, "PATCH", guest, {{"cookie", "c2"}, {"dist_port", 4444}, {"role", "none"}}),
            "200");
  EXPECT_EQ(by(op, "PATCH", own, {{"agents", "none"}}), "200");
  EXPECT_EQ(by(daemon_.token(), "POST", add, {{"name", "z@127.0.0.1"}, {"role", "viewer"}}),
            "400 bad_request /role")
      << "a role without a cookie of its own";
}

/// A role that a node would not get was taken, and changed nothing.
TEST_F(AttackRoles, ARoleThatANodeWouldNotGetIsRefused) {
  nodes_.add("own@127.0.0.1");
  const std::string add = "/api/actions/add-node", own = "/api/topo/nodes/own@127.0.0.1";
  auto change = [&](const json::object& body) { return by(daemon_.token(), "PATCH", own, body); };
  for (auto* role : {"none", "viewer", "operator"})
    EXPECT_EQ(change({{"role", role}}), "400 bad_request /role") << role;
  EXPECT_EQ(change({{"role", "admin"}}), "200") << "it is that";
  EXPECT_EQ(change({{"cookie", "cookie"}, {"role", "none"}}), "400 bad_request /role")
      << "the daemon's own, given";
  EXPECT_EQ(by(daemon_.token(), "POST", add, {{"name", "x@127.0.0.1"}, {"role", "none"}}),
            "400 bad_request /role");
  auto reply = daemon_.rest("PATCH", own, json::object{{"role", "none"}});
  EXPECT_NE(reply.text.find("home_cookie"), std::string::npos) << reply.text;
  EXPECT_EQ(by(token("operator"), "PATCH", own, {{"role", "none"}}), "403 forbidden /cookie");
  EXPECT_EQ(change({{"cookie", "its-own"}}), "200");
  EXPECT_EQ(nodes_.get("own@127.0.0.1").at("role"), "none") << "what it was said to be before "
                                                               "went with the other cookie";
  EXPECT_EQ(change({{"role", "viewer"}}), "200");
  EXPECT_EQ(change({{"cookie", "cookie"}}), "400 bad_request /role") << "it would be admin";
}

class AttackRolesOverTls : public AttackRoles {
 protected:
  AttackRolesOverTls() : AttackRoles(with_tls()) {}
  static const Authority& authority() {
    static const Authority made;
    return made;
  }
  static DaemonOptions with_tls() {
    auto identity = authority().issue("127.0.0.1");
    DaemonOptions options;
    options.config = "[distribution]\ncertificate = \"" + identity.certificate.string() +
                     "\"\nkey = \"" + identity.key.string() + "\"\nca = \"" +
                     authority().certificate().string() + "\"\n";
    return options;
  }
};

TEST_F(AttackRolesOverTls, TheRoleFollowsTheCookieToo) {
  auto options = named("guest@127.0.0.1");
  options.cookie = "the-guests";
  options.tls = &authority();
  ErlNode erl(epmd_, options);
  nodes_.bring_up(erl.name(), {{"cookie", "the-guests"}, {"tls", true}});
  arm(erl);
  EXPECT_EQ(erl.eval("Code(rpc:call(M, muster, add_token, [Evil]))"), "forbidden");
  EXPECT_EQ(erl.eval("Code(gen_server:call({muster, M}, {add_token, Evil}))"), "forbidden");
  set_role("viewer");
  EXPECT_EQ(erl.eval("Code(rpc:call(M, muster, echo, [1]))"), "ok");
  EXPECT_EQ(erl.eval("Code(rpc:call(M, muster, add_token, [Evil]))"), "forbidden");
  EXPECT_EQ(tokens(), 0U);
}

}  // namespace
}  // namespace muster::test
