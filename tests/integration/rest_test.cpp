// The REST door and the command line, against a real daemon. Daemon::rest() checks every reply
// against the daemon's OpenAPI document.
#include <gmock/gmock.h>

#include <csignal>

#include "daemon.h"
#include "erl.h"
#include "ports.h"
#include "websocket.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

class RestTest : public testing::Test {
 protected:
  /// What `muster ARGS` prints, and its exit code.
  std::pair<std::string, int> muster(std::vector<std::string> args) {
    Command command;
    command.argv = {MUSTER_BINARY};
    command.argv.insert(command.argv.end(), args.begin(), args.end());
    command.argv.insert(command.argv.end(), {"--data-dir", daemon_.data_dir()});
    TempDir dir;
    command.output = dir / "output";
    Process process(command);
    const auto code = process.wait(seconds(20));
    return {process.output(), code.value_or(-1)};
  }
  std::string bearer() const { return "Authorization: Bearer " + daemon_.token(); }

  Epmd epmd_;
  Daemon daemon_{epmd_};
};

TEST_F(RestTest, TheCommittedDocumentsAreCurrent) {
  const auto [document, code] = muster({"openapi"});
  ASSERT_EQ(code, 0) << document;
  EXPECT_TRUE(read_file(MUSTER_SOURCE_DIR "/schemas/openapi.json") == document)
      << "run: muster openapi > schemas/openapi.json";
  const auto [events, events_code] = muster({"openapi", "--events"});
  EXPECT_TRUE(read_file(MUSTER_SOURCE_DIR "/schemas/events.md") == events)
      << "run: muster openapi --events > schemas/events.md";
  const auto [operations, operations_code] = muster({"openapi", "--operations"});
  EXPECT_TRUE(read_file(MUSTER_SOURCE_DIR "/schemas/operations.md") == operations)
      << "run: muster openapi --operations > schemas/operations.md";
}

TEST_F(RestTest, WantsAToken) {
  HttpRequest request;
  request.url = daemon_.url("/api/topo/nodes");
  auto reply = http(request);
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.json.at("code"), "unauthorized");
  EXPECT_THAT(reply.headers, testing::HasSubstr("WWW-Authenticate: Bearer"));
  request.headers = {"Authorization: Bearer " + std::string(64, '0')};
  EXPECT_EQ(http(request).status, 401);
  request.url = daemon_.url("/api/health");
  request.headers.clear();
  EXPECT_EQ(http(request).json.at("status"), "ok");
}

TEST_F(RestTest, ATokenMayDoWhatItsRoleAllows) {
  auto made = daemon_.rest("POST", "/api/tokens", {{"name", "look"}, {"role", "viewer"}});
  ASSERT_EQ(made.status, 201);
  HttpRequest request;
  request.headers = {"Authorization: Bearer " + std::string(made.json.at("token").as_string())};
  request.url = daemon_.url("/api/topo/nodes");
  EXPECT_EQ(http(request).status, 200);
  request.url = daemon_.url("/api/tokens");
  EXPECT_EQ(http(request).status, 403);
  daemon_.restart();
  EXPECT_EQ(http(request).json.at("code"), "forbidden");
  EXPECT_EQ(daemon_.rest("DELETE", "/api/tokens/look").status, 200);
  EXPECT_EQ(http(request).status, 401);
}

TEST_F(RestTest, EchoesThroughTheTable) {
  const json::value given = json::parse(R"({"a":[1,2.5,true,null,"ä"]})");
  EXPECT_EQ(daemon_.rest("POST", "/api/echo", given).json, given);
}

TEST_F(RestTest, AnswersBadInputNamingTheField) {
  auto reply = daemon_.rest("POST", "/api/actions/add-node", {{"name", "a@b"}, {"cooky", "x"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json.at("field"), "/cooky");
  reply = daemon_.rest("POST", "/api/actions/add-node", {{"name", 7}, {"cookie", "x"}});
  EXPECT_EQ(reply.json.at("field"), "/name");
  reply = daemon_.rest_raw("POST", "/api/echo", "{\"a\":", "application/json");
  EXPECT_EQ(reply.status, 400);
  reply = daemon_.rest_raw("POST", "/api/echo", '"' + std::string(2 << 20, 'x') + '"', "");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(daemon_.rest("GET", "/api/topo/nodes/nope").status, 404);
  EXPECT_EQ(daemon_.rest("GET", "/api/nope").status, 404);
  EXPECT_EQ(daemon_.rest("DELETE", "/api/echo").status, 405);
  EXPECT_EQ(daemon_.rest("GET", "/api/topo/nodes?limit=x").json.at("field"), "/limit");
}

TEST_F(RestTest, SaysTheSameAsTheErlangDoor) {
  ErlNode erl(epmd_, {});
  const auto code = "element(2, rpc:call('" + daemon_.name() + "', topology, ";
  auto reply = daemon_.rest("POST", "/api/actions/add-node", {{"name", "a@b"}, {"cooky", "x"}});
  EXPECT_EQ(erl.eval("maps:get(message, " + code + "add_node, [#{name => 'a@b', cooky => x}])))"),
            "<<" + json::serialize(reply.json.at("detail")) + ">>");
  EXPECT_EQ(erl.eval("maps:get(field, " + code + "add_node, [[{cooky, x}, {name, \"a@b\"}]])))"),
            "<<\"/cooky\">>");
  EXPECT_EQ(erl.eval("maps:get(code, " + code + "get_node, [#{id => nope}])))"), "not_found");
}

TEST_F(RestTest, SendsEventsToWebSockets) {
  WebSocket all(daemon_.http_port(), "/api/events", bearer());
  ASSERT_EQ(all.status(), 101);
  const auto ticket = daemon_.rest("POST", "/api/events/ticket").json.at("ticket").as_string();
  const auto target = "/api/events?topics=topology.node_added&ticket=" + std::string(ticket);
  WebSocket added(daemon_.http_port(), target);
  ASSERT_EQ(added.status(), 101);
  ErlNode erl(epmd_, {});
  EXPECT_EQ(erl.eval("{ok, #{}} = rpc:call('" + daemon_.name() +
                     "', muster, subscribe, "
                     "[#{topics => [topology], pid => self()}]), ok"),
            "ok");

  daemon_.rest("POST", "/api/actions/add-node", {{"name", "gone@127.0.0.1"}, {"cookie", "x"}});
  auto event = added.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->at("topic"), "topology.node_added");
  EXPECT_EQ(event->at("data").at("name"), "gone@127.0.0.1");
  EXPECT_EQ(daemon_.openapi().check_event(*event), "");
  EXPECT_EQ(erl.eval("receive {muster_event, 'topology.node_added', #{seq := S, data := "
                     "#{name := N}}} -> {S, N} after 5000 -> none end"),
            "{" + json::serialize(event->at("seq")) + ",'gone@127.0.0.1'}");

  auto seen = all.next();
  ASSERT_TRUE(seen);
  WebSocket resumed(daemon_.http_port(), "/api/events?since=0", bearer());
  EXPECT_EQ(resumed.next(), seen);
  const auto listed = daemon_.rest("GET", "/api/events?since=0").json;
  EXPECT_EQ(listed.at("items").at(0), *seen);
}

TEST_F(RestTest, AProcessThatForgetsItsSubscriptionsIsToldSo) {
  ErlNode erl(epmd_, {});
  const auto call = "rpc:call('" + daemon_.name() + "', muster, ";
  EXPECT_EQ(erl.eval("Made = [" + call +
                     "subscribe, [#{pid => self()}]) || _ <- lists:seq(1, 101)],"
                     "{error, #{code := Code}} = lists:last(Made),"
                     "{ok, #{subscription := One}} = hd(Made),"
                     "{ok, _} = " +
                     call +
                     "unsubscribe, [#{subscription => One}]),"
                     "{Again, _} = " +
                     call +
                     "subscribe, [#{pid => self()}]),"
                     "{length([ok || {ok, _} <- Made]), Code, Again}"),
            "{100,quota,ok}");
}

TEST_F(RestTest, RefusesWebSocketsWithoutCredentialsOrSense) {
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events").status(), 401);
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events?ticket=x").status(), 401);
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events?topics=nope", bearer()).status(), 400);
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events?since=x", bearer()).status(), 400);
}

TEST_F(RestTest, ARemovedTokenEndsItsWebSocketsAndTickets) {
  auto made = daemon_.rest("POST", "/api/tokens", {{"name", "look"}, {"role", "viewer"}});
  const auto theirs = "Authorization: Bearer " + std::string(made.json.at("token").as_string());
  WebSocket gone(daemon_.http_port(), "/api/events", theirs);
  WebSocket kept(daemon_.http_port(), "/api/events", bearer());
  ASSERT_EQ(gone.status(), 101);
  ASSERT_EQ(kept.status(), 101);
  HttpRequest request;
  request.method = "POST";
  request.url = daemon_.url("/api/events/ticket");
  request.headers = {theirs};
  const auto ticket = std::string(http(request).json.at("ticket").as_string());
  EXPECT_EQ(daemon_.rest("DELETE", "/api/tokens/look").status, 200);
  EXPECT_FALSE(gone.next());
  EXPECT_EQ(WebSocket(daemon_.http_port(), "/api/events?ticket=" + ticket).status(), 401);
  daemon_.rest("POST", "/api/actions/add-node", {{"name", "gone@127.0.0.1"}, {"cookie", "x"}});
  EXPECT_TRUE(kept.next());
}

TEST_F(RestTest, EndsWithOpenConnections) {
  WebSocket socket(daemon_.http_port(), "/api/events", bearer());
  ASSERT_EQ(socket.status(), 101);
  EXPECT_TRUE(daemon_.stop());
  EXPECT_FALSE(socket.next());
}

// OpenSSL's write to a node that has just gone raised SIGPIPE, and that was the daemon's end.
TEST_F(RestTest, ABrokenPipeIsNotTheDaemonsEnd) {
  ASSERT_EQ(::kill(daemon_.pid(), SIGPIPE), 0);
  EXPECT_EQ(daemon_.rest("GET", "/api/health").json.at("status"), "ok");
}

TEST_F(RestTest, TheCommandLineCallsOperations) {
  auto [listed, code] = muster({"ops"});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(listed, testing::HasSubstr("topology.add_node"));
  EXPECT_THAT(muster({"ops", "topology.add_node"}).first, testing::HasSubstr("cookie"));
  auto [added, added_code] =
      muster({"call", "topology.add_node", "name=x@127.0.0.1", "cookie=c", "--json"});
  ASSERT_EQ(added_code, 0) << added;
  const auto id = std::string(json::parse(added).at("id").as_string());
  EXPECT_THAT(muster({"call", "topology.list_nodes"}).first, testing::HasSubstr(id));
  EXPECT_EQ(muster({"call", "topology.get_node", "id=nope"}).second, 4);
  auto [message, bad] = muster({"call", "topology.add_node", "name=x@h", "cooky=c"});
  EXPECT_EQ(bad, 2);
  EXPECT_THAT(message, testing::HasSubstr("/cooky"));
  EXPECT_EQ(muster({"call", "no.such"}).second, 4);
  for (auto& wrong : std::vector<std::vector<std::string>>{
           {"nonsense"}, {"call"}, {"ops", "--no-such"}, {"call", "x.y", "--wait", "sideways"}})
    EXPECT_EQ(muster(wrong).second, 2) << wrong.back();
  EXPECT_EQ(muster({"call", "--help"}).second, 0);
  daemon_.kill9();
  EXPECT_EQ(muster({"ops"}).second, 6);
}

TEST_F(RestTest, TheCommandLineWaitsForAState) {
  ErlNode erl(epmd_, {});
  auto [text, code] = muster({"call", "topology.add_node", "name=" + erl.name(), "cookie=cookie",
                              "--wait", "UP", "--wait-limit", "20"});
  EXPECT_EQ(code, 0) << text;
  auto [late, late_code] = muster({"call", "topology.add_node", "name=gone@127.0.0.1", "cookie=c",
                                   "--wait", "UP", "--wait-limit", "1"});
  EXPECT_EQ(late_code, 7) << late;
  auto [nothing, nothing_code] = muster({"call", "muster.health", "--wait", "UP"});
  EXPECT_EQ(nothing_code, 2) << nothing;
  EXPECT_THAT(nothing, testing::HasSubstr("nothing to wait for"));
}

TEST(Https, ServesWithACertificate) {
  Authority authority;
  const auto identity = authority.issue("127.0.0.1");
  Epmd epmd;
  DaemonOptions options;
  options.config = "[http]\ncertificate = \"" + identity.certificate.string() + "\"\nkey = \"" +
                   identity.key.string() + "\"\n";
  Daemon daemon(epmd, options);
  const auto url = "https://127.0.0.1:" + std::to_string(daemon.http_port());
  EXPECT_THAT(run({"curl", "-s", "--noproxy", "*", "--cacert", authority.certificate(),
                   url + "/api/health"}),
              testing::HasSubstr("\"status\":\"ok\""));
  EXPECT_THAT(run({MUSTER_BINARY, "call", "muster.health", "--data-dir", daemon.data_dir(), "--ca",
                   authority.certificate()}),
              testing::HasSubstr("ok"));
  EXPECT_THROW(run({"curl", "-s", "--noproxy", "*", url + "/api/health"}), std::runtime_error);
}

}  // namespace
}  // namespace muster::test
