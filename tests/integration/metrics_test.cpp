// What real nodes measure: kept, answered, and read by a real Prometheus and a real carbon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using testing::HasSubstr;

DaemonOptions each_second(std::string more = "") {
  DaemonOptions options;
  options.config = "[agents]\ninterval = 1\n" + std::move(more);
  return options;
}

class MetricsTest : public testing::Test {
 protected:
  void start(std::string config = "") {
    daemon_ = std::make_unique<Daemon>(epmd_, each_second(std::move(config)));
    erl_ = std::make_unique<ErlNode>(epmd_, ErlOptions());
    ManagedNodes(*daemon_).add("a@127.0.0.1");
    ASSERT_TRUE(eventually([&] { return points("memory.total").size() >= 3; }, seconds(30)));
  }
  json::array points(const std::string& metric, const std::string& more = "") {
    auto reply =
        daemon_->rest("GET", "/api/metrics/query?node=a@127.0.0.1&metrics=" + metric + more);
    EXPECT_EQ(reply.status, 200) << reply.text;
    auto& items = reply.json.at("items").as_array();
    return items.empty() ? json::array() : items[0].at("points").as_array();
  }
  HttpReply page(const std::string& query = "") {
    HttpRequest request;
    request.url = daemon_->url("/metrics" + query);
    request.headers = {"Authorization: Bearer " + daemon_->token()};
    return http(request);
  }

  Epmd epmd_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<ErlNode> erl_;
};

TEST_F(MetricsTest, WhatANodeMeasuresIsKeptAlsoAfterKill9) {
  start();
  auto before = points("memory.total");
  EXPECT_GT(before[0].at("value").as_int64(), 1'000'000);
  daemon_->restart();
  auto after = points("memory.total");
  ASSERT_GE(after.size() + 2, before.size());  // what came in the last second may be missing
  EXPECT_EQ(after[0], before[0]);
  EXPECT_TRUE(
      eventually([&] { return points("memory.total").size() > before.size(); }, seconds(30)));
  auto listed = daemon_->rest("GET", "/api/metrics?node=a@127.0.0.1");
  EXPECT_GT(listed.json.at("items").as_array().size(), 100u);
  auto latest = daemon_->rest("GET", "/api/metrics/latest?node=a@127.0.0.1&metrics=Processes");
  EXPECT_EQ(latest.json.at("items").at(0).at("values").at(0).at("metric"), "processes.count");
  auto minutes = points("memory.total", "&step=1m");
  EXPECT_GT(minutes.at(0).at("count").as_int64(), 1);
  EXPECT_TRUE(daemon_->stop());
}

TEST_F(MetricsTest, AFamilysNodesAreCombined) {
  start();
  auto family = "Erlang%2FOTP%20" + std::to_string(host_otp().release);
  auto reply = daemon_->rest("GET", "/api/metrics/query?family=" + family +
                                        "&metrics=processes.count&combine=sum&step=1s");
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_FALSE(reply.json.at("items").at(0).as_object().contains("node"));
  EXPECT_EQ(daemon_->rest("GET", "/api/metrics/query?family=" + family + "&metrics=no.such").status,
            404);
  // Each name's series were gathered anew, however often it was given.
  std::string names = "run_queue";
  for (int i = 0; i < 499; ++i) names += ",run_queue";
  auto many = [&](const std::string& more) {
    return daemon_->rest("GET", "/api/metrics/latest?node=a@127.0.0.1&metrics=" + names + more);
  };
  EXPECT_EQ(many("").status, 200);
  EXPECT_EQ(many(",run_queue").status, 413);
  auto bad = daemon_->rest("GET", "/api/metrics/query?node=a@127.0.0.1&metrics=run_queue&step=7x");
  EXPECT_EQ(bad.json.at("field"), "/step");
}

TEST_F(MetricsTest, IntervalsHoldForANodeAndOutliveTheDaemon) {
  start();
  auto set =
      daemon_->rest("PUT", "/api/metrics/settings", {{"node", "a@127.0.0.1"}, {"seconds", 3600}});
  ASSERT_EQ(set.status, 200) << set.text;
  daemon_->restart();
  auto settings = daemon_->rest("GET", "/api/metrics/settings");
  EXPECT_EQ(settings.json.at("intervals").at(0).at("seconds"), 3600);
  auto cleared = daemon_->rest("PUT", "/api/metrics/settings", {{"node", "a@127.0.0.1"}});
  EXPECT_TRUE(cleared.json.at("intervals").as_array().empty());
}

TEST_F(MetricsTest, TheExpositionNeedsATokenAndNamesTheVmAsPrometheusErlDoes) {
  start();
  EXPECT_EQ(http({"GET", daemon_->url("/metrics"), {}, {}}).status, 401);
  auto all = page();
  ASSERT_EQ(all.status, 200) << all.text;
  EXPECT_THAT(all.headers, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(all.text, HasSubstr("# TYPE erlang_vm_memory_bytes gauge\n"));
  EXPECT_THAT(all.text,
              HasSubstr("erlang_vm_memory_bytes{kind=\"processes\",instance=\"a@127.0.0.1\"} "));
  EXPECT_THAT(all.text, HasSubstr("\nmuster_daemon_nodes_measured 1\n"));
  auto one = page("?node=a@127.0.0.1");
  EXPECT_THAT(one.text, testing::Not(HasSubstr("muster_daemon")));
  EXPECT_EQ(page("?node=nobody@nowhere").status, 404);
  EXPECT_EQ(page("?x=y").status, 400);
}

TEST_F(MetricsTest, EveryAgentsCostAndCountsAreMetricsOfTheNode) {
  start();
  auto has = [&](const std::string& line) {
    return eventually([&] { return page().text.find(line) != std::string::npos; }, seconds(30));
  };
  for (std::string agent : {"metrics", "notifications", "alarms"}) {
    auto labels = "{agent=\"" + agent + "\",instance=\"a@127.0.0.1\"} ";
    for (std::string name : {"reductions_total", "wall_seconds_total", "sent_bytes_total",
                             "memory_bytes", "backed_off"})
      EXPECT_TRUE(has("\nmuster_agent_" + name + labels)) << agent << " " << name;
  }
  EXPECT_TRUE(has("\nmuster_events_long_gc_total{instance=\"a@127.0.0.1\"} "));
  EXPECT_TRUE(has("\nmuster_agent_lacking{agent=\"notifications\",instance=\"a@127.0.0.1\"} "));
  EXPECT_TRUE(has("\nmuster_message_queues_messages{instance=\"a@127.0.0.1\"} "));
  ASSERT_TRUE(eventually([&] { return points("events.busy_port").size() >= 2; }, seconds(30)));
}

TEST_F(MetricsTest, TheDaemonsOwnHealthIsThereToo) {
  start();
  EXPECT_EQ(daemon_->rest("GET", "/api/metrics/latest?node=nobody@nowhere").status, 404);
  auto all = page().text;
  for (std::string line :
       {"cpu_seconds_total ", "resident_memory_bytes ", "open_fds ", "nodes_late 0\n",
        "nodes{reason=\"\",state=\"up\"} 1\n", "links 1\n", "link_queue_bytes ",
        "loop_lateness_seconds_bucket{le=\"0.001\"} ",
        "loop_longest_turn_seconds{window=\"minute\"} ",
        "loop_most_lateness_seconds{window=\"10s\"} ", "loop_turn_seconds_count ",
        "events_lost_total 0\n", "database_wait_seconds_count ", "store_bytes{store=\"metrics\"} ",
        "store_bytes{store=\"notifications\"} ", "notifications_dropped_total 0\n",
        "operations_total{operation=\"latest\",result=\"refused\",service=\"metrics\"} 1\n",
        "operation_seconds_count{operation=\"latest\",service=\"metrics\"} 1\n",
        "scrapes_total{result=\"ok\"} 0\n"})
    EXPECT_THAT(all, HasSubstr("\nmuster_daemon_" + line));
  auto told = daemon_->rest("GET", "/api/metrics/daemon");
  ASSERT_EQ(told.status, 200) << told.text;
  EXPECT_THAT(page().text, HasSubstr("\nmuster_daemon_scrapes_total{result=\"ok\"} 1\n"));
  EXPECT_THAT(told.text, HasSubstr("muster_daemon_cpu_seconds_total"));
}

TEST_F(MetricsTest, PromtoolCanReadTheExposition) {
  if (!std::filesystem::exists("/usr/bin/promtool")) GTEST_SKIP() << "no prometheus here";
  start();
  auto all = page();
  EXPECT_THAT(all.text, HasSubstr("\nmuster_node_up{instance=\"a@127.0.0.1\"} 1\n"));
  EXPECT_THAT(all.text, HasSubstr("\nerlang_vm_process_count{instance=\"a@127.0.0.1\"} "));
  TempDir dir;
  write_file(dir / "metrics", all.text);
  Command command;
  command.argv = {"sh", "-c", "exec /usr/bin/promtool check metrics < metrics"};
  command.cwd = dir.path();
  command.output = dir / "output";
  Process promtool(std::move(command));
  auto code = promtool.wait(seconds(20));
  // 3: it can read all, and would give other names than prometheus.erl does.
  EXPECT_TRUE(code == 0 || code == 3) << promtool.output();
}

TEST_F(MetricsTest, ANodeThatMustNotBeTouchedIsAskedByPlainCalls) {
  daemon_ = std::make_unique<Daemon>(epmd_, each_second());
  erl_ = std::make_unique<ErlNode>(epmd_, ErlOptions());
  ManagedNodes(*daemon_).add("a@127.0.0.1", {{"agents", "none"}});
  ASSERT_TRUE(eventually([&] { return points("processes.count").size() >= 2; }, seconds(40)));
  EXPECT_GT(points("memory.total")[0].at("value").as_int64(), 1'000'000);
  EXPECT_GT(points("io.input")[0].at("value").as_int64(), 0);
}

TEST_F(MetricsTest, LiveValuesComeWhileSomebodyListensAndChangeNothingElse) {
  start();
  auto set =
      daemon_->rest("PUT", "/api/metrics/settings", {{"node", "a@127.0.0.1"}, {"seconds", 600}});
  ASSERT_EQ(set.status, 200);
  auto shell = "{ok, _} = rpc:call('" + daemon_->name() +
               "', muster, subscribe, [#{topics => ['metrics.sample']}]), ok";
  ASSERT_EQ(erl_->eval(shell), "ok");
  auto live = daemon_->rest("POST", "/api/metrics/live",
                            {{"node", "a@127.0.0.1"}, {"metrics", {"memory.total"}}});
  ASSERT_EQ(live.status, 200) << live.text;
  auto told = [&] {
    return erl_->eval(
        "receive {muster_event, T, #{data := #{values := [#{metric := M}]}}} -> {T, M} "
        "after 10000 -> none end");
  };
  EXPECT_EQ(told(), "{'metrics.sample',<<\"memory.total\">>}");
  auto rule = daemon_->rest("POST", "/api/alarms/rules",
                            {{"id", "any-memory"}, {"metric", "memory.total"}, {"raise", 1}});
  ASSERT_EQ(rule.status, 201) << rule.text;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told(), "{'metrics.sample',<<\"memory.total\">>}");
  auto latest = daemon_->rest("GET", "/api/metrics/latest?node=a@127.0.0.1");
  EXPECT_GT(latest.json.at("items").at(0).at("values").as_array().size(), 100u);
  auto raised = daemon_->rest("GET", "/api/alarms?condition=any-memory");
  EXPECT_TRUE(raised.json.at("items").as_array().empty()) << "a look is no measurement";
}

TEST_F(MetricsTest, WhatIsNotReadOnDemandCannotBeLive) {
  start();
  for (auto* name : {"events.long_gc", "agent.memory", "message_queues.sum"}) {
    auto live = daemon_->rest("POST", "/api/metrics/live",
                              {{"node", "a@127.0.0.1"}, {"metrics", {"memory.total", name}}});
    EXPECT_EQ(live.status, 400) << live.text;
    EXPECT_NE(live.text.find(name), std::string::npos) << live.text;
    EXPECT_NE(live.text.find("/metrics/1"), std::string::npos) << live.text;
  }
}

TEST_F(MetricsTest, ARealPrometheusScrapesEveryNode) {
  if (!std::filesystem::exists("/usr/bin/prometheus")) GTEST_SKIP() << "no prometheus here";
  start();
  TempDir dir;
  write_file(dir / "muster.token", daemon_->token());
  auto port = std::to_string(free_port());
  write_file(dir / "prometheus.yml",
             "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
             "scrape_configs:\n"
             "  - job_name: muster\n"
             "    honor_labels: true\n"
             "    authorization: {credentials_file: muster.token}\n"
             "    static_configs: [{targets: ['127.0.0.1:" +
                 std::to_string(daemon_->http_port()) + "']}]\n");
  Command command;
  command.argv = {"/usr/bin/prometheus", "--config.file=" + (dir / "prometheus.yml").string(),
                  "--storage.tsdb.path=" + (dir / "data").string(),
                  "--web.listen-address=127.0.0.1:" + port};
  command.output = dir / "log";
  Process prometheus(std::move(command));
  auto ask = [&](const std::string& query) {
    HttpRequest request;
    request.url = "http://127.0.0.1:" + port + "/api/v1/query?query=" + query;
    auto reply = http(request);
    if (reply.status != 200) return json::array();
    return reply.json.at("data").at("result").as_array();
  };
  ASSERT_TRUE(eventually([&] { return !ask("erlang_vm_processes").empty(); }, seconds(40)))
      << read_file(dir / "log");
  auto found = ask("erlang_vm_processes");
  EXPECT_EQ(found[0].at("metric").at("instance"), "a@127.0.0.1");
  auto count = std::stoi(std::string(found[0].at("value").at(1).as_string()));
  auto limit = ask("erlang_vm_process_limit");
  auto latest = daemon_->rest("GET", "/api/metrics/latest?node=a@127.0.0.1&metrics=processes.limit")
                    .json.at("items")
                    .at(0)
                    .at("values")
                    .at(0);
  EXPECT_EQ(limit.at(0).at("value").at(1).as_string(), json::serialize(latest.at("value")));
  EXPECT_NEAR(count, std::stoi(erl_->eval("erlang:system_info(process_count)")), 20);
}

TEST_F(MetricsTest, ARealCarbonGetsEveryValueAlsoAfterItWasAway) {
  if (!std::filesystem::exists("/usr/bin/carbon-cache")) GTEST_SKIP() << "no carbon here";
  TempDir dir;
  auto line = free_port(), pickle = free_port(), cache = free_port();
  std::filesystem::create_directories(dir / "whisper");
  std::filesystem::create_directories(dir / "log");
  write_file(dir / "storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:1h\n");
  write_file(dir / "carbon.conf",
             "[cache]\nSTORAGE_DIR = " + dir.path().string() + "\nLOCAL_DATA_DIR = " +
                 (dir / "whisper").string() + "\nCONF_DIR = " + dir.path().string() +
                 "\nLOG_DIR = " + (dir / "log").string() + "\nPID_DIR = " + dir.path().string() +
                 "\nUSER =\nMAX_CREATES_PER_MINUTE = inf\nENABLE_UDP_LISTENER = False\n"
                 "LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = " +
                 std::to_string(line) +
                 "\nPICKLE_RECEIVER_INTERFACE = 127.0.0.1\nPICKLE_RECEIVER_PORT = " +
                 std::to_string(pickle) +
                 "\nCACHE_QUERY_INTERFACE = 127.0.0.1\nCACHE_QUERY_PORT = " +
                 std::to_string(cache) + "\n");
  start("[graphite]\naddress = \"127.0.0.1:" + std::to_string(line) +
        "\"\npath = \"vm.{node}.{metric}\"\n");
  EXPECT_THAT(page().text, HasSubstr("muster_daemon_graphite_waiting_bytes"));
  Command command;
  command.argv = {"/usr/bin/carbon-cache", "--nodaemon",
                  "--config=" + (dir / "carbon.conf").string(), "start"};
  command.output = dir / "out";
  Process carbon(std::move(command));
  auto file =
      std::filesystem::path(dir / "whisper") / "vm" / "a_127_0_0_1" / "memory" / "total.wsp";
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file); }, seconds(60)))
      << read_file(dir / "out");
}

}  // namespace
}  // namespace muster::test
