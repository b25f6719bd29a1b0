// Managed nodes that lie, invent, flap or say nothing: each costs itself, and the honest beside it
// lose nothing.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "alarm_test.h"
#include "base/clean_text.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

/// A real node that sends what the agent `metrics` would, with names that it invents.
class AttackByMetrics : public AlarmTest {
 protected:
  AttackByMetrics()
      : AlarmTest("[alarms.agent_quota]\nquiet = 3\n[alarms.alarm_quota]\nquiet = 3\n") {}
  std::size_t metrics_of(const std::string& node) {
    auto reply = daemon_.rest("GET", "/api/metrics?node=" + node);
    return reply.status == 200 ? reply.json.at("items").as_array().size() : 0;
  }
  std::int64_t series() {
    return daemon_.rest("GET", "/api/metrics/settings").json.at("series").to_number<std::int64_t>();
  }
};

TEST_F(AttackByMetrics, OfOneNodeTakesNothingFromOthers) {
  ErlNode before(epmd_, named("before@127.0.0.1"));
  add(before.name());
  wait_until_read(before.name());
  ErlNode evil(epmd_, named("evil@127.0.0.1"));
  add(evil.name());
  wait_for_agent(evil, "metrics");
  wait_until_read(evil.name());
  evil.eval(
      "[Agent | _] = [whereis(N) || N <- registered(), "
      "lists:prefix(\"muster_agent_metrics\", atom_to_list(N))],"
      "{monitors, Ms} = process_info(Agent, monitors),"
      "[Daemon | _] = [P || {process, P} <- Ms, is_pid(P), node(P) =/= node()],"
      "Lie = fun(R) -> Daemon ! {muster_agent, metrics, Agent, #{interval_ms => 60000, values => "
      "#{user => [{folsom, [lie, R, I], counter, I} || I <- lists:seq(1, 1000)]}}} end,"
      "[begin Lie(R), timer:sleep(200) end || R <- lists:seq(1, 60)], ok",
      seconds(60));
  raised("series_quota", "warning", seconds(40), evil.name());
  over("series_quota");  // its own agent invents nothing
  EXPECT_LT(series(), 50'000);

  ErlNode after(epmd_, named("after@127.0.0.1"));
  add(after.name());
  auto has_all = [&] { return metrics_of(after.name()) + 10 >= metrics_of(before.name()); };
  EXPECT_TRUE(eventually(has_all, seconds(20)))
      << metrics_of(after.name()) << " of " << metrics_of(before.name());

  EXPECT_EQ(daemon_.rest("DELETE", "/api/topo/nodes/" + evil.name()).status, 200);
  EXPECT_TRUE(eventually([&] { return series() < 3'000; })) << series();
  EXPECT_TRUE(daemon_.stop());
  daemon_.start();
  EXPECT_LT(series(), 3'000) << "on disk, too";
}

// Each was looked at once for each of the others, or without a bound, in one turn of the loop.
TEST_F(AttackByMetrics, LiesThatAreCostlyToLookAtKeepNobodyWaiting) {
  ErlNode evil(epmd_, named("evil@127.0.0.1"));
  add(evil.name());
  for (auto* agent : {"metrics", "alarms"}) wait_for_agent(evil, agent);
  evil.eval(
      "Of = fun(Prefix) -> hd([whereis(N) || N <- registered(), "
      "lists:prefix(Prefix, atom_to_list(N))]) end,"
      "Metrics = Of(\"muster_agent_metrics\"), Alarms = Of(\"muster_agent_alarms\"),"
      "{monitors, Ms} = process_info(Metrics, monitors),"
      "[Daemon | _] = [P || {process, P} <- Ms, is_pid(P), node(P) =/= node()],"
      "Name = fun(I) -> integer_to_binary(I) end,"
      "Map = fun(From, F) -> maps:from_list([{Name(I), F(I)} || "
      "I <- lists:seq(From, From + 7000)]) end,"
      "Deep = lists:foldl(fun(_, A) -> #{'$map' => A} end, 1, lists:seq(1, 55)),"
      "Both = lists:foldl(fun(_, A) -> #{a => A, <<\"a\">> => 2} end, 1, lists:seq(1, 55)),"
      "Many = lists:seq(1, 7000), ok");
  for (std::string lie :
       {"alarms, Alarms, #{checks => #{applications => Map(1, fun(I) -> I end)}}",
        "alarms, Alarms, #{checks => #{applications => #{}}}",
        "alarms, Alarms, #{checks => #{applications => Map(9000, fun(I) -> I end)}}",
        "metrics, Metrics, #{interval_ms => 60000, values => #{dist_buf_busy_limit => 1, "
        "dist => Map(1, fun(_) -> #{queue_size => 1} end)}}",
        "alarms, Alarms, #{long_queues => [#{pid => Name(I), len => 1000000} || I <- Many]}",
        "alarms, Alarms, #{raised => [#{id => Name(I)} || I <- Many], complete => [sasl], "
        "present => [Name(I) || I <- Many]}",
        "alarms, Alarms, #{present => [], complete => [x || _ <- lists:seq(1, 39000)]}",
        "alarms, Alarms, #{raised => [#{id => deep, description => Deep, more => Both}]}",
        "alarms, Alarms, #{raised => [#{id => list_to_tuple([Name(I) || I <- Many])}]}",
        "alarms, Alarms, #{checks => #{config => #{a => Map(1, fun(I) -> I end)}, "
        "modules => Map(1, fun(I) -> I end), peers => [Name(I) || I <- Many]}}"}) {
    SCOPED_TRACE(lie);
    // What is answered next was read after it.
    EXPECT_EQ(evil.eval("Daemon ! {muster_agent, " + lie +
                        "}, rpc:call(node(Daemon), muster, echo, [1])"),
              "{ok,1}");
    // A millisecond or two; without optimization ten times that, and what is quadratic a hundred.
    auto turn = daemon_.longest_turn("minute");
    EXPECT_GT(turn, 0);
    EXPECT_LE(turn, 0.5);
  }
  raised("application_stopped", "major");
  raised("alarm_quota", "warning", seconds(40), evil.name());
  EXPECT_TRUE(list("condition=alarm_quota").size() == 1);
  evil.eval("Daemon ! {muster_agent, alarms, Alarms, #{cleared => [Name(I) || I <- Many]}}, ok");
  over("alarm_quota");
  EXPECT_EQ(daemon_.log().find("and are dropped"), std::string::npos) << "all were looked at";
  evil.eval(
      "[Daemon ! {muster_agent_taken, alarms, Alarms, list_to_atom(integer_to_list(I))} || "
      "I <- lists:seq(1, 500)], rpc:call(node(Daemon), muster, echo, [1])");
  auto log = daemon_.log();
  auto first = log.find("it obeys another installation");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(log.find("it obeys another installation", first + 1), std::string::npos);
}

TEST_F(AttackByMetrics, WhatIsBeyondTheShareOfItsAgentsIsDroppedAndAnAlarm) {
  ErlNode evil(epmd_, named("evil@127.0.0.1"));
  add(evil.name());
  wait_for_agent(evil, "metrics");
  evil.eval(
      "Agent = hd([whereis(N) || N <- registered(), "
      "lists:prefix(\"muster_agent_metrics\", atom_to_list(N))]),"
      "{monitors, Ms} = process_info(Agent, monitors),"
      "[Daemon | _] = [P || {process, P} <- Ms, is_pid(P), node(P) =/= node()],"
      "Large = binary:copy(<<0>>, 1000000),"
      "[Daemon ! {muster_agent, metrics, Agent, Large} || _ <- lists:seq(1, 20)], ok");
  raised("agent_quota", "warning", seconds(40), evil.name());
  EXPECT_NE(daemon_.log().find("and are dropped"), std::string::npos);
  over("agent_quota");
}

/// A real node that sends what the agent `notifications` would, without end.
class AttackByNotifications : public AlarmTest {
 protected:
  AttackByNotifications()
      : AlarmTest("[notifications]\nkeep_megabytes = 64\nper_second = 1000\n") {}
  std::size_t count(const std::string& query) {
    auto reply = daemon_.rest("GET", "/api/notifications?limit=1000&" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json.at("items").as_array().size();
  }
};

TEST_F(AttackByNotifications, OfOneNodeTakesNothingFromOthers) {
  ErlNode honest(epmd_, named("honest@127.0.0.1")), evil(epmd_, named("evil@127.0.0.1"));
  for (auto* node : {&honest, &evil}) {
    add(node->name());
    wait_for_agent(*node, "notifications");
  }
  honest.eval("[logger:error(\"keepsake ~p\", [I]) || I <- lists:seq(1, 50)], ok");
  ASSERT_TRUE(eventually([&] { return count("words=keepsake") == 50; }, seconds(20)));
  evil.eval(
      "[Agent | _] = [whereis(N) || N <- registered(), "
      "lists:prefix(\"muster_agent_notifications\", atom_to_list(N))],"
      "{monitors, Ms} = process_info(Agent, monitors),"
      "[Daemon | _] = [P || {process, P} <- Ms, is_pid(P), node(P) =/= node()],"
      "Word = fun(_) -> [integer_to_list(rand:uniform(1 bsl 60), 36), $ ] end,"
      "Text = fun() -> iolist_to_binary(lists:map(Word, lists:seq(1, 600))) end,"
      "Entry = fun(_) -> #{text => Text(), severity => error, source => lie} end,"
      "Flood = fun F(0) -> ok; F(N) -> Daemon ! {muster_agent, notifications, Agent, "
      "#{entries => lists:map(Entry, lists:seq(1, 125))}}, timer:sleep(1000), F(N - 1) end,"
      "register(flood, spawn(fun() -> Flood(45) end)), ok");
  raised("notification_quota", "warning", seconds(40), evil.name());
  EXPECT_TRUE(eventually([&] { return evil.eval("whereis(flood)") == "undefined"; }, seconds(60)));
  EXPECT_EQ(count("words=keepsake"), 50u);
  honest.eval("logger:error(\"afterwards\")");
  EXPECT_TRUE(eventually([&] { return count("words=afterwards") == 1; }, seconds(20)));
  over("notification_quota");
  EXPECT_EQ(count("kind=dropped&node=" + evil.name()), 2u) << "once at its beginning and its end";
  EXPECT_EQ(count("kind=dropped&node=" + honest.name()), 0u);
}

/// Simulated nodes, after as many as a bench has beside them (Bystanders); the ninth to sixteenth
/// lie, each in its own way (tests/fakes/farm/liar.h).
class AttackNodes : public testing::Test {
 protected:
  AttackNodes() : epmd_(free_port()), daemon_(epmd_), nodes_(daemon_) {
    write_file(dir_ / "cookie", "farm", 0400);
    Command command;
    command.argv = {MUSTER_FARM,   "--nodes",         "1016",          "--liars",      "8",
                    "--epmd-port", epmd_.port_text(), "--cookie-file", dir_ / "cookie"};
    command.output = dir_ / "log";
    farm_ = std::make_unique<Process>(command);
    if (!farm_->wait_for_output("ready", seconds(10))) throw std::runtime_error(farm_->output());
  }
  static std::string name_of(int number) {
    number += 1000;
    return "f" + std::to_string(number) + "@127.1." + std::to_string(number / 256) + "." +
           std::to_string(number % 256);
  }
  std::string add(int number) {
    nodes_.add(name_of(number), {{"cookie", "farm"}});
    return name_of(number);
  }
  std::size_t in_log(const std::string& text) {
    auto log = daemon_.log();
    std::size_t count = 0;
    for (auto at = log.find(text); at != log.npos; at = log.find(text, at + 1)) ++count;
    return count;
  }
  std::size_t families() {
    auto reply = daemon_.rest("GET", "/api/topo/node_families?limit=1000");
    EXPECT_TRUE(reply.json.is_object()) << reply.text;
    EXPECT_TRUE(is_utf8(reply.text));
    return reply.json.at("items").as_array().size();
  }

  static constexpr int boaster = 9, flapper = 10;
  TempDir dir_;
  Epmd epmd_;
  Daemon daemon_;
  ManagedNodes nodes_;
  std::unique_ptr<Process> farm_;
};

TEST_F(AttackNodes, ANodeThatDescribesItselfInBytesThatAreNoTextBreaksNoListAndNoLog) {
  auto honest = add(1), liar = add(boaster);
  nodes_.wait_for(honest, "UP");
  auto row = nodes_.wait_for(liar, "UP");
  EXPECT_LE(row.at("otp_release").as_string().size(), 64u);
  EXPECT_LE(row.at("script_id").as_string().size(), 300u);
  for (auto* path : {"/api/topo/nodes", "/api/topo/node_families", "/api/metrics/settings"}) {
    auto reply = daemon_.rest("GET", path);
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.json.is_object()) << path;
    EXPECT_TRUE(is_printable(reply.text)) << path;
    EXPECT_LT(reply.text.size(), 100'000u) << "a lie has a megabyte";
  }
  EXPECT_EQ(families(), 2u);
  EXPECT_EQ(daemon_.rest("DELETE", "/api/topo/nodes/" + liar).status, 200);
  EXPECT_EQ(families(), 1u) << "the one that a lie made is gone";
  auto log = daemon_.log();
  EXPECT_TRUE(is_printable(log, Lines::kept));
  EXPECT_EQ(log.find("\n2026-01-01T00:00:00.000 error forged"), log.npos);
  for (std::size_t at = 0, end; (end = log.find('\n', at)) != log.npos; at = end + 1)
    EXPECT_LE(end - at, 5'000u);
}

TEST_F(AttackNodes, ANodeThatFlapsIsLeftAloneMoreAndMoreAndMakesNoFamilies) {
  auto honest = add(1), liar = add(flapper);
  nodes_.wait_for(honest, "UP");
  auto is_lost_twice = [&] { return in_log(liar + " is DOWN") >= 2; };
  ASSERT_TRUE(eventually(is_lost_twice, seconds(20)));
  const auto before = in_log(liar + " is UP");
  std::this_thread::sleep_for(seconds(8));  // it would be 75 times
  EXPECT_LE(in_log(liar + " is UP"), before + 3);
  EXPECT_LE(families(), 2u);
  EXPECT_EQ(in_log(honest + " is DOWN"), 0u);
}

TEST_F(AttackNodes, DiscoveryBelievesANodeForTwoHundredNeighboursAndNoMore) {
  auto liar = add(boaster);
  nodes_.wait_for(liar, "UP");
  const auto began = Steady::now();
  auto reply = daemon_.rest("POST", "/api/topo/nodes/" + liar + "/discover", json::object{});
  EXPECT_EQ(reply.status, 200) << reply.text;
  EXPECT_LT(Steady::now() - began, seconds(10));
  EXPECT_EQ(reply.json.at("unreachable").as_array().size(), 200u);
  EXPECT_EQ(reply.json.at("left_out"), 2812);
  EXPECT_TRUE(is_printable(reply.text));
}

TEST_F(AttackNodes, AddingANodeTakesNoCookieAndNoNameThatCannotBe) {
  auto add = [&](json::object node) {
    return daemon_.rest("POST", "/api/actions/add-node", node).status;
  };
  for (const std::string& cookie : {std::string(), std::string(256, 'c'), std::string("a\nb")})
    EXPECT_EQ(add({{"name", "x@127.0.0.1"}, {"cookie", cookie}}), 400) << cookie;
  EXPECT_EQ(add({{"name", daemon_.name()}}), 400);
  EXPECT_EQ(add({{"name", "x\xc2\x9b@127.0.0.1"}}), 400);
}

/// Takes connections and says nothing.
class MuteHost {
 public:
  MuteHost() : port_(free_port()), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port_);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(socket_, 4096) != 0)
      throw std::runtime_error("the mute host cannot listen");
  }
  ~MuteHost() { ::close(socket_); }
  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_;
  int socket_;
};

TEST_F(AttackNodes, AThousandMuteOnesDelayNoHealthyOne) {
  MuteHost mute;
  for (int i = 0; i < 1000; ++i)
    nodes_.add("mute" + std::to_string(i) + "@127.0.0.1", {{"dist_port", mute.port()}});
  for (int number : {1, 2, 3}) {  // also when the mute ones are dialled again
    const auto began = Steady::now();
    auto name = add(number);
    auto is_up = [&] { return nodes_.get(name).at("state") == json::value("UP"); };
    EXPECT_TRUE(eventually(is_up, seconds(30)));
    EXPECT_LT(Steady::now() - began, seconds(5)) << name << ": it was 45 s";
    std::this_thread::sleep_for(seconds(3));
  }
  EXPECT_EQ(in_log(name_of(1) + " is DOWN"), 0u);
}

// Four discoveries run at once: those of one caller, five seconds each, are no queue for others.
TEST_F(AttackNodes, DiscoveriesOfOneCallerKeepNoOtherCallersWaiting) {
  MuteHost mute;
  nodes_.add("mute@127.0.0.1", {{"dist_port", mute.port()}});
  ErlNode honest(epmd_, named("honest@127.0.0.1"));
  nodes_.add(honest.name());
  nodes_.wait_for(honest.name(), "UP");
  auto made = daemon_.rest("POST", "/api/tokens", {{"name", "other"}, {"role", "admin"}});
  ASSERT_EQ(made.status, 201) << made.text;
  std::vector<std::unique_ptr<Stranger>> greedy;
  for (int i = 0; i < 16; ++i) {
    greedy.push_back(std::make_unique<Stranger>(daemon_.http_port()));
    greedy.back()->say(
        "POST /api/topo/nodes/mute@127.0.0.1/discover HTTP/1.1\r\nHost: h\r\n"
        "Authorization: Bearer " +
        daemon_.token() + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  }
  HttpRequest request;
  request.method = "POST";
  request.url = daemon_.url("/api/topo/nodes/" + honest.name() + "/discover");
  request.headers = {"Authorization: Bearer " + std::string(made.json.at("token").as_string()),
                     "Content-Type: application/json"};
  request.body = "{}";
  const auto began = Steady::now();
  auto reply = http(request);
  const auto took = Steady::now() - began;
  EXPECT_EQ(reply.status, 200) << reply.text;
  EXPECT_GT(took, seconds(3)) << "all four places were taken";
  EXPECT_LT(took, seconds(10)) << "it waits for one of those that run, and not for all sixteen";
}

}  // namespace
}  // namespace muster::test
