// Alarms of nodes that go, users' own rules, and what is told of alarms.
#include <gtest/gtest.h>

#include <thread>

#include "alarm_test.h"
#include "ports.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

class Alarms : public AlarmTest {
 protected:
  Alarms() : AlarmTest("[alarms.node_down]\nhold = 1\n[alarms.node_restarted]\nquiet = 3\n") {}
};

TEST_F(Alarms, ANodeThatIsGoneIsAnAlarmUntilItIsBack) {
  auto erl = std::make_unique<ErlNode>(epmd_, named("a@127.0.0.1"));
  add("a@127.0.0.1");
  erl.reset();
  auto down = raised("node_down", "major", seconds(60));
  ASSERT_TRUE(down.is_object());
  EXPECT_EQ(down.at("node"), "a@127.0.0.1");
  EXPECT_TRUE(down.at("additional_information").as_object().contains("reason"));
  ErlNode again(epmd_, named("a@127.0.0.1"));
  auto restarted = raised("node_restarted", "warning", seconds(90));
  ASSERT_TRUE(restarted.is_object());
  EXPECT_TRUE(restarted.at("additional_information").as_object().contains("creation"));
  over("node_down");
  over("node_restarted");
}

TEST_F(Alarms, NodesThatCouldBeAdminAreOneAlarm) {
  ErlNode a(epmd_, named("a@127.0.0.1")), b(epmd_, named("b@127.0.0.1"));
  add(a.name());
  add(b.name());
  auto alarm = raised("nodes_that_are_admin", "warning");
  ASSERT_TRUE(alarm.is_object());
  EXPECT_EQ(alarm.at("scope"), "daemon");
  EXPECT_EQ(list("condition=nodes_that_are_admin").size(), 1u);
  EXPECT_TRUE(eventually([&] {
    auto now = list("condition=nodes_that_are_admin");
    return !now.empty() && now[0].at("additional_information").at("nodes") == 2;
  }));
  for (auto* name : {"a@127.0.0.1", "b@127.0.0.1"}) {
    EXPECT_EQ(daemon_.rest("GET", std::string("/api/topo/nodes/") + name).json.at("role"), "admin");
    auto changed = daemon_.rest("PATCH", std::string("/api/topo/nodes/") + name,
                                json::object{{"cookie", "one-of-its-own"}});
    EXPECT_EQ(changed.json.at("role"), "none") << changed.text;
  }
  over("nodes_that_are_admin");
}

TEST_F(Alarms, TooManyProcessesAreAnAlarmUntilTheyAreGone) {
  ErlNode erl(epmd_, named("p@127.0.0.1", {"+P", "1024"}));
  add(erl.name());
  erl.eval(
      "Wait = fun() -> receive stop -> ok end end, P1 = [spawn(Wait) || _ <- lists:seq(1, 700)], "
      "ok");
  auto minor = raised("process_limit", "minor");
  ASSERT_TRUE(minor.is_object());
  EXPECT_EQ(minor.at("threshold").at("percent_of"), "processes.limit");
  EXPECT_GT(minor.at("additional_information").at("processes.count").to_number<double>(), 700);
  auto id = std::string(minor.at("id").as_string());
  auto acknowledged =
      daemon_.rest("POST", "/api/alarms/" + id + "/acknowledge", {{"comment", "looking"}});
  EXPECT_EQ(acknowledged.status, 200) << acknowledged.text;
  erl.eval("P2 = [spawn(Wait) || _ <- lists:seq(1, 180)], ok");
  auto major = raised("process_limit", "major");
  ASSERT_TRUE(major.is_object());
  EXPECT_EQ(major.at("id"), json::value(id)) << "the same alarm";
  EXPECT_EQ(major.at("state"), "new") << "it got worse";
  daemon_.restart();
  EXPECT_EQ(raised("process_limit", "major").at("id"), json::value(id)) << "also after kill -9";
  erl.eval("[P ! stop || P <- P1 ++ P2], ok");
  auto past = over("process_limit");
  EXPECT_EQ(past.at("id"), json::value(id));
}

TEST_F(Alarms, AUsersPatternIsLookedForInNotifications) {
  ErlNode erl(epmd_, named("e@127.0.0.1"));
  json::object rule{{"id", "pool-empty"},
                    {"pattern", "pool .* is empty"},
                    {"severity", "critical"},
                    {"nodes", json::array{erl.name()}}};
  auto made = daemon_.rest("POST", "/api/alarms/rules", rule);
  ASSERT_EQ(made.status, 201) << made.text;
  add(erl.name());
  wait_for_agent(erl, "notifications");
  erl.eval("[logger:error(\"pool ~p is empty\", [N]) || N <- lists:seq(1, 3)], ok");
  auto alarm = raised("pool-empty", "critical");
  ASSERT_TRUE(alarm.is_object());
  EXPECT_EQ(alarm.at("source"), "user");
  EXPECT_NE(std::string(alarm.at("additional_information").at("text").as_string()).find("pool"),
            std::string::npos);
  auto removed = daemon_.rest("DELETE", "/api/alarms/rules/pool-empty");
  EXPECT_EQ(removed.status, 200) << removed.text;
  over("pool-empty");
}

TEST_F(Alarms, AUsersThresholdIsCheckedAndApplies) {
  auto field = [&](json::object rule) {
    auto reply = daemon_.rest("POST", "/api/alarms/rules", rule);
    EXPECT_EQ(reply.status, 400) << reply.text;
    return std::string(reply.json.at("field").as_string());
  };
  EXPECT_EQ(field({{"id", "x"}, {"metric", "no.such"}, {"raise", 1}}), "/metric");
  EXPECT_EQ(field({{"id", "x"}, {"pattern", "("}}), "/pattern");
  EXPECT_EQ(field({{"id", "x"}, {"metric", "memory.total"}, {"raise", 1}, {"clear", 2}}), "/clear");
  ErlNode erl(epmd_, named("u@127.0.0.1"));
  add(erl.name());
  json::object rule{{"id", "many-tables"},
                    {"metric", "ets.tables"},
                    {"raise", 300},
                    {"clear", 250},
                    {"severity", "warning"}};
  auto made = daemon_.rest("POST", "/api/alarms/rules", rule);
  ASSERT_EQ(made.status, 201) << made.text;
  erl.eval("T = [ets:new(t, []) || _ <- lists:seq(1, 400)], ok");
  raised("many-tables", "warning");
  erl.eval("[ets:delete(E) || E <- T], ok");
  over("many-tables");
}

TEST_F(Alarms, AUsersThresholdOnWhatAnAgentLacks) {
  ErlNode erl(epmd_, named("l@127.0.0.1"));
  if (std::stoi(erl.eval("list_to_integer(erlang:system_info(otp_release))")) >= 28)
    GTEST_SKIP() << "the agent has a session of its own for system_monitor";
  erl.eval("erlang:system_monitor(spawn(fun() -> receive stop -> ok end end), [{long_gc, 5000}])");
  json::object rule{{"id", "agent-lacks"},
                    {"metric", "agent.lacking"},
                    {"label", "notifications"},
                    {"raise", 0},
                    {"severity", "warning"}};
  auto made = daemon_.rest("POST", "/api/alarms/rules", rule);
  ASSERT_EQ(made.status, 201) << made.text;
  add(erl.name());
  raised("agent-lacks", "warning");
  erl.eval("erlang:system_monitor(undefined)");
  over("agent-lacks", seconds(90));
}

/// Makes `Take(Status)` in that node: the receiver of a webhook, which takes one letter.
void listen(ErlNode& erl, const std::string& port) {
  erl.eval("{ok, L} = gen_tcp:listen(" + port +
           ", [binary, {active, false}, {reuseaddr, true}]), ok");
  erl.eval(R"erl(
    Body = fun B(S, Acc) ->
        case binary:split(Acc, <<"\r\n\r\n">>) of
            [Head, Rest] ->
                {match, [N]} = re:run(Head, "Content-Length: ([0-9]+)", [{capture, [1], list}]),
                case byte_size(Rest) >= list_to_integer(N) of
                    true -> {Head, Rest};
                    false -> {ok, More} = gen_tcp:recv(S, 0, 5000), B(S, <<Acc/binary, More/binary>>)
                end;
            _ -> {ok, More} = gen_tcp:recv(S, 0, 5000), B(S, <<Acc/binary, More/binary>>)
        end
    end, ok)erl");
  erl.eval(R"erl(
    Take = fun(Status) ->
        {ok, S} = gen_tcp:accept(L, 30000),
        {Head, Text} = Body(S, <<>>),
        ok = gen_tcp:send(S, ["HTTP/1.1 ", Status,
                              "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"]),
        ok = gen_tcp:shutdown(S, write),
        {error, closed} = gen_tcp:recv(S, 0, 5000),
        gen_tcp:close(S),
        {match, [Sig]} = re:run(Head, "Muster-Signature: sha256=([0-9a-f]+)", [{capture, [1], list}]),
        Mac = crypto:mac(hmac, sha256, <<"0123456789abcdef">>, Text),
        Hex = lists:flatten([io_lib:format("~2.16.0b", [X]) || <<X>> <= Mac]),
        {match, [Event]} = re:run(Text, "^{\"event\":\"([a-z_]+)\"", [{capture, [1], list}]),
        {match, [What]} = re:run(Text, "\"condition\":\"([a-z_]+)\"", [{capture, [1], list}]),
        {Event, What, Hex =:= Sig}
    end, ok)erl");
}

TEST_F(Alarms, AWebhookGetsAllOfThemSignedAlsoThoseFromWhileItWasAway) {
  auto port = std::to_string(free_port());
  json::object hook{{"url", "http://127.0.0.1:" + port + "/in"}, {"secret", "0123456789abcdef"}};
  auto added = daemon_.rest("POST", "/api/alarms/webhooks", hook);
  ASSERT_EQ(added.status, 201) << added.text;
  EXPECT_EQ(added.text.find("0123456789abcdef"), std::string::npos);
  ErlNode erl(epmd_, named("w@127.0.0.1", {"+P", "1024"}));
  add(erl.name());
  erl.eval(
      "Wait = fun() -> receive stop -> ok end end, P = [spawn(Wait) || _ <- lists:seq(1, 700)], "
      "ok");
  raised("process_limit");
  erl.eval("[X ! stop || X <- P], ok");
  over("process_limit");
  daemon_.restart();
  listen(erl, port);
  // The host's load and disks may be alarms as well: only order and signatures count.
  // The receiver sends the first letter back, and so gets it twice.
  auto first = erl.eval("Take(\"503 Later\")", seconds(60));
  std::vector<std::string> letters{erl.eval("Take(\"204 Ok\")", seconds(60))};
  EXPECT_EQ(letters[0], first) << "what was refused comes again, before all else";
  const std::string over_letter = "{\"cleared\",\"process_limit\",true}";
  while (letters.back() != over_letter && letters.size() < 20)
    letters.push_back(erl.eval("Take(\"204 Ok\")", seconds(60)));
  EXPECT_EQ(letters.back(), over_letter);
  EXPECT_EQ(std::count(letters.begin(), letters.end(), "{\"raised\",\"process_limit\",true}"), 1);
  for (auto& letter : letters) EXPECT_NE(letter.find("true"), std::string::npos) << letter;
  auto shown = daemon_.rest("GET", "/api/alarms/webhooks").json.at("items").as_array()[0];
  EXPECT_GE(shown.at("sent").to_number<int>(), 1);
}

TEST_F(Alarms, ALetterThatAReceiverRefusesHoldsNoOther) {
  auto port = std::to_string(free_port());
  ErlNode erl(epmd_, named("w@127.0.0.1", {"+P", "1024"}));
  listen(erl, port);
  json::object hook{{"url", "http://127.0.0.1:" + port + "/in"}, {"secret", "0123456789abcdef"}};
  ASSERT_EQ(daemon_.rest("POST", "/api/alarms/webhooks", hook).status, 201);
  add(erl.name());
  erl.eval(
      "Wait = fun() -> receive stop -> ok end end, P = [spawn(Wait) || _ <- lists:seq(1, 700)], "
      "ok");
  raised("process_limit");
  auto refused = erl.eval("Take(\"400 Bad Request\")", seconds(60));
  auto shown = [&] {
    return daemon_.rest("GET", "/api/alarms/webhooks").json.at("items").as_array()[0];
  };
  EXPECT_TRUE(eventually([&] { return shown().at("dropped") == 1; }));
  EXPECT_NE(std::string(shown().at("last_error").as_string()).find("HTTP 400"), std::string::npos);
  erl.eval("[X ! stop || X <- P], ok");
  over("process_limit");
  EXPECT_NE(erl.eval("Take(\"204 Ok\")", seconds(60)), refused) << "it came again";
  EXPECT_TRUE(eventually([&] { return !shown().as_object().contains("last_error"); }));
}

}  // namespace
}  // namespace muster::test
