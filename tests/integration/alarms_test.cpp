// Alarms provoked on real nodes, and over again.
#include <gtest/gtest.h>

#include <thread>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

class Alarms : public testing::Test {
 protected:
  static ErlOptions named(const std::string& name, std::vector<std::string> args = {}) {
    ErlOptions options;
    options.name = name;
    options.args = std::move(args);
    return options;
  }
  static DaemonOptions every_second() {
    DaemonOptions options;
    options.config = "[agents]\ninterval = 1\n";
    return options;
  }
  void add(const std::string& name) {
    auto added = daemon_.rest("POST", "/api/actions/add-node", {{"name", name}});
    ASSERT_EQ(added.status, 201) << added.text;
    auto end = Steady::now() + seconds(20);
    while (daemon_.rest("GET", "/api/topo/nodes/" + name).json.at("state") != "UP") {
      ASSERT_LT(Steady::now(), end) << name << " does not come up";
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  json::array list(const std::string& query) {
    auto reply = daemon_.rest("GET", "/api/alarms?" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json.at("items").as_array();
  }
  /// The current alarm of this condition once it is there (with that severity); null when it does
  /// not come.
  json::value raised(const std::string& condition, const std::string& severity = {},
                     milliseconds limit = seconds(20)) {
    auto end = Steady::now() + limit;
    for (;;) {
      auto items = list("condition=" + condition);
      if (!items.empty() && (severity.empty() || items[0].at("severity") == json::value(severity)))
        return items[0];
      if (Steady::now() > end) {
        ADD_FAILURE() << condition << " " << severity << " is not raised";
        return nullptr;
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  /// The newest past alarm of this condition once none is current.
  json::value over(const std::string& condition, milliseconds limit = seconds(20)) {
    auto end = Steady::now() + limit;
    for (;;) {
      auto past = daemon_.rest("GET", "/api/alarms/history?condition=" + condition).json;
      if (list("condition=" + condition).empty() && !past.at("items").as_array().empty())
        return past.at("items").as_array()[0];
      if (Steady::now() > end) {
        ADD_FAILURE() << condition << " is not over";
        return nullptr;
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
  }

  Epmd epmd_;
  Daemon daemon_{epmd_, every_second()};
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

TEST_F(Alarms, FullTablesAreAlarms) {
  auto erl = std::make_unique<ErlNode>(
      epmd_, named("t@127.0.0.1", {"+Q", "1024", "+t", "30000", "+e", "2000"}));
  add(erl->name());
  erl->eval("U = [element(2, gen_udp:open(0)) || _ <- lists:seq(1, 750)], ok");
  erl->eval(
      "T = [ets:new(t, []) || _ <- lists:seq(1, trunc(0.75 * erlang:system_info(ets_limit)))], ok");
  erl->eval(
      "[list_to_atom(\"atom\" ++ integer_to_list(N)) || N <- lists:seq(1, trunc(0.75 * "
      "erlang:system_info(atom_limit)) - erlang:system_info(atom_count))], ok");
  raised("port_limit", "minor");
  raised("ets_limit", "minor");
  raised("atom_limit", "minor");
  erl->eval("[gen_udp:close(S) || S <- U], [ets:delete(E) || E <- T], ok");
  over("port_limit");
  over("ets_limit");
  erl.reset();
  ErlNode again(epmd_, named("t@127.0.0.1"));
  over("atom_limit");
}

TEST_F(Alarms, ErrorsThatRepeatAreAnAlarm) {
  ErlNode erl(epmd_, named("e@127.0.0.1"));
  json::object rule{{"id", "pool-empty"},
                    {"pattern", "pool .* is empty"},
                    {"severity", "critical"},
                    {"nodes", json::array{erl.name()}}};
  auto made = daemon_.rest("POST", "/api/alarms/rules", rule);
  ASSERT_EQ(made.status, 201) << made.text;
  add(erl.name());
  std::this_thread::sleep_for(seconds(2));  // until the agent listens
  erl.eval("[logger:error(\"pool ~p is empty\", [N]) || N <- lists:seq(1, 15)], ok");
  raised("error_log_rate", "minor");
  auto alarm = raised("pool-empty", "critical");
  ASSERT_TRUE(alarm.is_object());
  EXPECT_EQ(alarm.at("source"), "user");
  EXPECT_NE(std::string(alarm.at("additional_information").at("text").as_string()).find("pool"),
            std::string::npos);
  auto removed = daemon_.rest("DELETE", "/api/alarms/rules/pool-empty");
  EXPECT_EQ(removed.status, 200) << removed.text;
  over("pool-empty");
}

TEST_F(Alarms, AVeryLargeHeapIsAnAlarmUntilItIsGone) {
  ErlNode erl(epmd_, named("h@127.0.0.1"));
  add(erl.name());
  std::this_thread::sleep_for(seconds(3));  // until the agent watches, and has counted nothing
  erl.eval("spawn(fun() -> L = lists:seq(1, 12000000), garbage_collect(), length(L) end), ok");
  raised("large_heap", "minor", seconds(60));
  over("large_heap", seconds(60));
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
  // A receiver that sends the first letter back, and so gets it twice.
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
  // The host's load and disks may be alarms as well: only order and signatures count.
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

TEST_F(Alarms, AlarmsOfSaslComeAndGo) {
  ErlNode erl(epmd_, named("s@127.0.0.1"));
  erl.eval("ok = application:start(sasl)");
  erl.eval("alarm_handler:set_alarm({early, \"from before\"})");
  add(erl.name());
  auto early = raised("early", "indeterminate");
  ASSERT_TRUE(early.is_object());
  EXPECT_EQ(early.at("source"), "sasl");
  EXPECT_EQ(early.at("description"), "from before");
  erl.eval("alarm_handler:set_alarm({{disk_almost_full, \"/data\"}, []})");
  auto disk = raised("disk_almost_full", "minor");
  ASSERT_TRUE(disk.is_object());
  EXPECT_EQ(disk.at("instance"), "/data");
  erl.eval("alarm_handler:clear_alarm({disk_almost_full, \"/data\"})");
  over("disk_almost_full");
  erl.eval("alarm_handler:clear_alarm(early)");
  over("early");
}

TEST_F(Alarms, SchedulersOfflineLongQueuesOldCodeAndStoppedApplicationsAreAlarms) {
  ErlNode erl(epmd_, named("q@127.0.0.1", {"+S", "2"}));
  erl.eval("erlang:system_flag(schedulers_online, 1)");
  erl.eval("ok = application:start(sasl)");
  erl.eval("Q = spawn(fun() -> receive stop -> ok end end), register(slow, Q), ok");
  erl.eval("[Q ! {work, N} || N <- lists:seq(1, 6000)], ok");
  erl.eval(
      "{ok, Ts, _} = erl_scan:string(\"-module(m).\"), {ok, F} = erl_parse:parse_form(Ts), "
      "{ok, m, B} = compile:forms([F]), [code:load_binary(m, \"m\", B) || _ <- [1, 2]], ok");
  add(erl.name());
  raised("schedulers_offline", "warning");
  auto queue = raised("process_message_queue", "minor");
  ASSERT_TRUE(queue.is_object());
  EXPECT_EQ(queue.at("additional_information").at("name"), "slow");
  auto old_code = raised("old_code", "minor");
  ASSERT_TRUE(old_code.is_object());
  erl.eval("erlang:system_flag(schedulers_online, 2), Q ! stop, exit(Q, kill), code:purge(m)");
  erl.eval("ok = application:stop(sasl)");
  over("schedulers_offline");
  over("process_message_queue", seconds(80));
  over("old_code");
  auto stopped = raised("application_stopped", "major");
  ASSERT_TRUE(stopped.is_object());
  EXPECT_EQ(stopped.at("instance"), "sasl");
}

TEST_F(Alarms, NodesOfAFamilyThatDifferAreAlarms) {
  TempDir dir;
  auto boot = (dir / "shop").string();
  ErlNode builder(epmd_, named("builder@127.0.0.1"));
  builder.eval("Boot = \"" + boot + "\"");
  auto made = builder.eval(R"erl(
    Vsn = fun(A) -> _ = application:load(A), {ok, V} = application:get_key(A, vsn), {A, V} end,
    Rel = {release, {"shop", "1"}, {erts, erlang:system_info(version)}, [Vsn(kernel), Vsn(stdlib)]},
    ok = file:write_file(Boot ++ ".rel", io_lib:format("~p.~n", [Rel])),
    systools:make_script(Boot, [silent]),
    filelib:is_regular(Boot ++ ".boot"))erl");
  ASSERT_EQ(made, "true");
  auto first = named("one@127.0.0.1", {"-kernel", "limit", "1"});
  auto second = named("two@127.0.0.1", {"-kernel", "limit", "2"});
  first.boot = second.boot = boot;
  ErlNode one(epmd_, first), two(epmd_, second);
  one.eval("ok = application:start(sasl)");
  add(one.name());
  add(two.name());
  auto config = raised("inconsistent_global_config", "major", seconds(90));
  ASSERT_TRUE(config.is_object());
  EXPECT_EQ(config.at("scope"), "family");
  EXPECT_TRUE(config.at("additional_information").as_object().contains("kernel.limit"));
  auto missing = raised("missing_application", "warning", seconds(30));
  ASSERT_TRUE(missing.is_object());
  EXPECT_TRUE(missing.at("additional_information").as_object().contains("sasl"));
  two.eval("ok = application:start(sasl)");
  over("missing_application", seconds(75));
}

}  // namespace
}  // namespace muster::test
