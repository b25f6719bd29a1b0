// Callers who want more than they were given: what they are refused, and what the audit keeps of
// it.
#include <gmock/gmock.h>

#include <boost/algorithm/string/case_conv.hpp>

#include "daemon.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"
#include "websocket.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class AttackCallers : public testing::Test {
 protected:
  std::string token(json::object request) const {
    auto made = daemon_.rest("POST", "/api/tokens", request);
    EXPECT_EQ(made.status, 201) << made.text;
    return std::string(made.json.at("token").as_string());
  }
  HttpReply with(const std::string& token, const std::string& method, const std::string& path,
                 const json::value& body = nullptr) const {
    HttpRequest request;
    request.method = method;
    request.url = daemon_.url(path);
    request.headers = {"Authorization: Bearer " + token};
    if (!body.is_null()) {
      request.headers.push_back("Content-Type: application/json");
      request.body = json::serialize(body);
    }
    return http(request);
  }
  json::array audit(const std::string& query) const {
    auto reply = daemon_.rest("GET", "/api/audit?limit=1000&" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json.at("items").as_array();
  }
  /// The entries of adding n1 and n2, without those of bystanders.
  json::array added() const {
    json::array entries;
    for (auto& entry : audit("operation=topology.add_node"))
      if (entry.at("about").as_string().starts_with("name=n")) entries.push_back(entry);
    return entries;
  }
  /// What `muster ARGS` prints, and its exit code.
  std::pair<std::string, int> muster(std::vector<std::string> args,
                                     std::map<std::string, std::string> env = {}) {
    Command command;
    command.argv = {MUSTER_BINARY};
    command.argv.insert(command.argv.end(), args.begin(), args.end());
    command.argv.insert(command.argv.end(), {"--data-dir", daemon_.data_dir()});
    command.env = std::move(env);
    TempDir dir;
    command.output = dir / "output";
    Process process(command);
    const auto code = process.wait(seconds(20));
    return {process.output(), code.value_or(-1)};
  }

  Epmd epmd_;
  Daemon daemon_{epmd_};
};

TEST_F(AttackCallers, EveryChangeIsInTheAuditAndNoSecretOfIt) {
  daemon_.rest("POST", "/api/actions/add-node", {{"name", "n1@127.0.0.1"}, {"cookie", "hushhush"}});
  daemon_.rest("POST", "/api/actions/add-node", {{"name", "n1@127.0.0.1"}, {"cooky", "hushhush"}});
  daemon_.rest("DELETE", "/api/topo/nodes/n1@127.0.0.1");
  daemon_.rest("POST", "/api/commands",
               {{"module", "os"}, {"function", "cmd"}, {"args", {"hushhush"}}, {"nodes", {"x@y"}}});
  ErlNode erl(epmd_, {});
  erl.eval("rpc:call('" + daemon_.name() +
           "', topology, add_node, [#{name => 'n2@127.0.0.1', cookie => hushhush}])");
  erl.eval("gen_server:call({topology, '" + daemon_.name() +
           "'}, {remove_node, #{id => 'n2@127.0.0.1'}})");
  daemon_.rest("POST", "/api/events/ticket");
  auto all = json::serialize(audit(""));
  EXPECT_THAT(all, Not(HasSubstr("hushhush")));
  const auto entries = added();
  ASSERT_EQ(entries.size(), 3u) << all;
  EXPECT_EQ(entries[2].at("caller"), "token:admin");
  EXPECT_EQ(entries[2].at("role"), "admin");
  EXPECT_EQ(entries[2].at("from"), "127.0.0.1");
  EXPECT_EQ(entries[2].at("about"), "name=n1@127.0.0.1");
  EXPECT_EQ(entries[2].at("outcome"), "ok");
  EXPECT_EQ(entries[1].at("outcome"), "refused");
  EXPECT_EQ(entries[1].at("about"), "name=n1@127.0.0.1");
  EXPECT_EQ(entries[1].at("code"), "bad_request");
  EXPECT_EQ(entries[0].at("caller"), json::value("node:" + erl.name()));
  EXPECT_EQ(entries[0].at("from"), json::value(erl.name()));
  EXPECT_EQ(audit("operation=topology.remove_node&outcome=ok").size(), 2u);
  auto runs = audit("operation=commands");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].at("about"), "module=os function=cmd arity=1 nodes=x@y");
  EXPECT_EQ(runs[0].at("code"), "not_found");
  EXPECT_EQ(audit("operation=muster.ticket").size(), 1u);
  EXPECT_EQ(audit("operation=daemon.start").size(), 1u);
  EXPECT_TRUE(audit("operation=topology.list_nodes").empty()) << "reading is no change";
  EXPECT_EQ(erl.eval("{ok, #{items := [#{operation := Op} | _]}} = rpc:call('" + daemon_.name() +
                     "', muster, audit, [#{operation => <<\"daemon\">>}]), Op"),
            "<<\"daemon.start\">>");
  ASSERT_TRUE(daemon_.stop());
  daemon_.start();
  EXPECT_EQ(audit("operation=daemon.stop").size(), 1u);
  EXPECT_EQ(added().size(), 3u) << "after a restart";
}

TEST_F(AttackCallers, AFloodOfRefusedCallsIsAFewEntries) {
  const auto viewer = token({{"name", "look"}, {"role", "viewer"}});
  constexpr int many = 300;
  for (int i = 0; i < many; ++i) {
    const auto name = "/api/topo/nodes/n" + std::to_string(i);
    EXPECT_EQ(with(viewer, "DELETE", name).status, 403);
    EXPECT_EQ(with(std::to_string(i), "GET", "/api/topo/nodes").status, 401);
  }
  auto refused = audit("caller=token:look");
  constexpr std::size_t most = 51;  // 50 are told apart
  ASSERT_LE(refused.size(), 2 * most) << "two minutes' where one began";
  auto count = [](const json::array& entries) {
    int sum = 0;
    for (auto& entry : entries) sum += entry.at("count").to_number<int>();
    return sum;
  };
  EXPECT_EQ(count(refused), many);
  EXPECT_EQ(refused.back().at("code"), "forbidden");
  EXPECT_EQ(refused.back().at("about"), "id=n0");
  auto unknown = audit("caller=stranger&operation=rest.token");
  ASSERT_LE(unknown.size(), 2u);
  EXPECT_EQ(count(unknown), many);
  EXPECT_EQ(with(viewer, "GET", "/api/audit").status, 403) << "for admins";
}

TEST_F(AttackCallers, AnExpiredTokenOpensNothingAndItsWebSocketsEnd) {
  const auto short_lived = token({{"name", "guest"}, {"role", "viewer"}, {"expires_in", 2}});
  EXPECT_EQ(with(short_lived, "GET", "/api/topo/nodes").status, 200);
  WebSocket socket(daemon_.http_port(), "/api/events?topics=topology",
                   "Authorization: Bearer " + short_lived);
  ASSERT_EQ(socket.status(), 101);
  EXPECT_FALSE(socket.next(seconds(10))) << "closed, not just silent";
  const auto reply = with(short_lived, "GET", "/api/topo/nodes");
  EXPECT_EQ(reply.status, 401);
  EXPECT_THAT(reply.text, HasSubstr("expired"));
  const auto rows = daemon_.rest("GET", "/api/tokens").json.as_array();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].at("is_expired").as_bool());
  EXPECT_TRUE(rows[0].as_object().contains("last_used_at"));
  const auto tried = audit("operation=rest.token");
  ASSERT_FALSE(tried.empty());
  EXPECT_EQ(tried[0].at("caller"), "token:guest") << "no stranger";
  EXPECT_EQ(tried[0].at("about"), "expired");
}

// Its owner held back the last byte, and made himself another token after his own was gone.
TEST_F(AttackCallers, ARequestThatHasBegunDoesNotOutliveItsToken) {
  const auto body = json::serialize(json::object{{"name", "later"}, {"role", "admin"}});
  auto head = [](const std::string& path, const std::string& token, std::size_t length) {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + token +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n";
  };
  const auto evil = token({{"name", "evil"}, {"role", "admin"}});
  Stranger making(daemon_.http_port()), listening(daemon_.http_port()),
      waiting(daemon_.http_port());
  waiting.say("GET /api/events?wait=20 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + evil +
              "\r\n\r\n");
  making.say(head("/api/tokens", evil, body.size()) + body.substr(0, body.size() - 1));
  listening.say(head("/api/events/ticket", evil, 2) + "{");
  // All have shown their token when a later request has been answered.
  EXPECT_EQ(with(evil, "GET", "/api/topo/nodes").status, 200);
  EXPECT_EQ(with(evil, "DELETE", "/api/tokens/evil").status, 200) << "he removes it himself";
  making.say(body.substr(body.size() - 1));
  listening.say("}");
  EXPECT_THAT(making.hear(100), Not(HasSubstr("201")));
  EXPECT_THAT(listening.hear(100), Not(HasSubstr("201")));
  daemon_.rest("POST", "/api/actions/add-node", {{"name", "n@127.0.0.1"}, {"cookie", "c"}});
  EXPECT_THAT(waiting.hear(1000), Not(HasSubstr("node_added")));
  EXPECT_TRUE(daemon_.rest("GET", "/api/tokens").json.as_array().empty());
}

/// Calls every operation as a bound token would.
class BoundToken : public AttackCallers {
 protected:
  struct Operation {
    std::string id, verb, path;
    std::optional<std::vector<std::string>> bound;  ///< members, where it is for bound tokens
  };

  static std::string encoded(const std::string& text) {
    std::string out;
    for (char c : text) out += c == ' ' ? "%20" : c == '/' ? "%2F" : std::string(1, c);
    return out;
  }
  std::vector<Operation> operations() const {
    std::vector<Operation> all;
    const auto document = daemon_.rest("GET", "/api/openapi.json").json;
    for (auto& path : document.at("paths").as_object())
      for (auto& verb : path.value().as_object()) {
        if (verb.value().as_object().contains("security")) continue;  // anybody's
        Operation operation{std::string(verb.value().at("operationId").as_string()),
                            boost::to_upper_copy(std::string(verb.key())),
                            std::string(path.key()),
                            {}};
        if (auto* members = verb.value().as_object().if_contains("x-muster-bound")) {
          auto& list = operation.bound.emplace();
          for (auto& member : members->as_array()) list.emplace_back(member.as_string());
        }
        all.push_back(std::move(operation));
      }
    return all;
  }
  /// The request with `value` for this member, in the path, the query or the body.
  HttpReply call(const std::string& token, const Operation& operation, const std::string& member,
                 const std::string& value) const {
    auto path = operation.path;
    bool is_in_path = false;
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      const auto end = path.find('}', at);
      const bool is_it = path.substr(at + 1, end - at - 1) == member;
      is_in_path = is_in_path || is_it;
      path.replace(at, end - at + 1, is_it ? encoded(value) : "x");
    }
    json::object more;
    if (operation.id == "metrics.query") more["metrics"] = "memory_total";
    if (operation.id == "commands.run") more = {{"module", "erlang"}, {"function", "node"}};
    if (!member.empty() && !is_in_path)
      more[member] =
          member == "nodes" ? json::value(json::array{json::value(value)}) : json::value(value);
    if (operation.verb != "GET" && operation.verb != "DELETE")
      return with(token, operation.verb, path, more);
    char separator = '?';
    for (auto& pair : more) {
      path += separator + std::string(pair.key()) + '=' +
              encoded(std::string(pair.value().as_string()));
      separator = '&';
    }
    return with(token, operation.verb, path);
  }
};

TEST_F(BoundToken, SeesAndDoesNothingOutsideItsFamilies) {
  ErlNode erl(epmd_, named("victim@127.0.0.1"));
  const auto node = ManagedNodes(daemon_).bring_up(erl.name());
  const auto family = std::string(node.at("family_id").as_string());
  ASSERT_EQ(daemon_.rest("POST", "/api/orch/node_families", {{"name", "bank"}}).status, 201);
  const auto bound =
      token({{"name", "bank"}, {"role", "admin"}, {"families", json::array{"bank"}}});
  int refused = 0, own = 0;
  for (auto& operation : operations()) {
    SCOPED_TRACE(operation.id + " " + operation.verb + " " + operation.path);
    if (!operation.bound) {
      EXPECT_EQ(call(bound, operation, "", "").status, 403);
      ++refused;
      continue;
    }
    if (operation.bound->empty()) {
      EXPECT_EQ(call(bound, operation, "", "").status, 200);
      continue;
    }
    for (auto& member : *operation.bound) {
      for (auto& other : {family, erl.name(), std::string(node.at("id").as_string()),
                          std::string(node.at("family").as_string()), std::string("nope")}) {
        const auto reply = call(bound, operation, member, other);
        EXPECT_EQ(reply.status, 403) << member << "=" << other << ": " << reply.text;
        ++refused;
      }
      if (member != "family") continue;
      const auto reply = call(bound, operation, member, "bank");
      EXPECT_NE(reply.status, 403) << reply.text;
      EXPECT_THAT(reply.text, Not(HasSubstr(erl.name())));
      ++own;
    }
    if (operation.path.find('{') == std::string::npos) {
      EXPECT_EQ(call(bound, operation, "", "").status, 403) << "about nobody is about all";
    }
  }
  EXPECT_GT(refused, 80);
  EXPECT_GT(own, 10);
  EXPECT_EQ(ManagedNodes(daemon_).get(erl.name()).at("state"), "UP") << "nothing was done to it";

  EXPECT_EQ(with(bound, "GET", "/metrics").status, 403);
  EXPECT_EQ(with(bound, "GET", "/metrics?family=" + family).status, 403);
  EXPECT_EQ(with(bound, "GET", "/metrics?node=" + erl.name()).status, 403);
  EXPECT_EQ(with(bound, "GET", "/metrics?family=bank&node=" + erl.name()).status, 403);
  const auto authorization = "Authorization: Bearer " + bound;
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events", authorization).status(), 403);
  EXPECT_FALSE(audit("caller=token:bank&outcome=refused").empty());
}

TEST_F(BoundToken, ServesItsOwnFamily) {
  ErlNode erl(epmd_, named("own@127.0.0.1"));
  const auto node = ManagedNodes(daemon_).bring_up(erl.name());
  const auto family = std::string(node.at("family_id").as_string());
  const auto bound =
      token({{"name", "own"}, {"role", "admin"}, {"families", json::array{json::value(family)}}});
  const auto listed = with(bound, "GET", "/api/topo/nodes?family=" + family);
  ASSERT_EQ(listed.status, 200);
  EXPECT_EQ(listed.json.at("items").as_array().size(), 1u);
  EXPECT_EQ(with(bound, "GET", "/api/topo/nodes/" + erl.name()).status, 200);
  EXPECT_EQ(with(bound, "GET", "/metrics?family=" + family).status, 200);
  const auto run = with(bound, "POST", "/api/commands",
                        {{"module", "erlang"},
                         {"function", "node"},
                         {"nodes", json::array{json::value(erl.name())}}});
  EXPECT_EQ(run.status, 200) << run.text;
  EXPECT_EQ(with(bound, "DELETE", "/api/topo/nodes/" + erl.name()).status, 200);
}

TEST_F(AttackCallers, OnlyAnAdminPointsWebhooksSomewhereAndNotAtALinkLocalAddress) {
  const json::object hook{{"url", "http://169.254.169.254/x"}, {"secret", "0123456789abcdef"}};
  const auto operator_token = token({{"name", "op"}, {"role", "operator"}});
  EXPECT_EQ(with(operator_token, "POST", "/api/alarms/webhooks", hook).status, 403);
  const auto reply = daemon_.rest("POST", "/api/alarms/webhooks", hook);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json.at("field"), "/url");
}

TEST_F(AttackCallers, TheCommandLineGivesTheLocalTokenToNoStranger) {
  ErlNode stranger(epmd_, {});
  const auto port = std::to_string(free_port());
  const auto url = "http://127.0.0.1:" + port;
  stranger.eval("{ok, L} = gen_tcp:listen(" + port +
                ", [binary, {active, false}, {reuseaddr, true}]), Me = self(), ok");
  auto [refused, code] = muster({"ops", "--url", url});
  EXPECT_EQ(code, 3) << refused;
  EXPECT_THAT(refused, HasSubstr("no token for " + url));
  EXPECT_EQ(stranger.eval("gen_tcp:accept(L, 0)"), "{error,timeout}") << "it was not even asked";
  // A token that is given goes where it is said to go, and nowhere else.
  stranger.eval(R"erl(
    Say = fun(Answer) -> spawn(fun() ->
        {ok, S} = gen_tcp:accept(L, 20000),
        {ok, Request} = gen_tcp:recv(S, 0, 20000),
        gen_tcp:send(S, ["HTTP/1.1 ", Answer]), gen_tcp:close(S),
        Me ! {request, Request} end), ok end, gen_tcp:controlling_process(L, self()), ok)erl");
  const std::map<std::string, std::string> given{{"MUSTER_TOKEN", "given"}};
  for (auto* answer :
       {"200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n{\\\"a\\\":",
        "200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n",
        "302 Found\\r\\nLocation: http://127.0.0.1:1/\\r\\nContent-Length: 0\\r\\n\\r\\n",
        "200 OK\\r\\nContent-Length: 3\\r\\n\\r\\n\\\"\\xff\\\""}) {
    stranger.eval("Say(\"" + std::string(answer) + "\")");
    auto [said, failed] = muster({"ops", "--url", url}, given);
    EXPECT_EQ(failed, 1) << answer << ": " << said;
    EXPECT_EQ(stranger.eval("receive {request, R} -> binary:match(R, <<\"Bearer given\">>) =/= "
                            "nomatch after 5000 -> none end"),
              "true");
  }
}

TEST_F(AttackCallers, WhatANodeSaysDoesNotSteerTheTerminal) {
  for (std::vector<std::string> more : {std::vector<std::string>{}, {"--json"}}) {
    std::vector<std::string> args{"call", "muster.echo",
                                  "a:={\"b\":\"\\u009b31m\\u001b[0m\\u202e\"}"};
    args.insert(args.end(), more.begin(), more.end());
    const auto [said, code] = muster(args);
    EXPECT_EQ(code, 0) << said;
    for (auto* control : {"\x1b", "\xc2\x9b", "\xe2\x80\xae"})
      EXPECT_THAT(said, Not(HasSubstr(control))) << json::serialize(json::value(said));
    EXPECT_THAT(said, HasSubstr("31m"));
  }
}

}  // namespace
}  // namespace muster::test
