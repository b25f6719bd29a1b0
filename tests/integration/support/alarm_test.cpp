#include "alarm_test.h"

#include <thread>

#include "managed_nodes.h"
#include "ports.h"

namespace muster::test {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

namespace {

DaemonOptions every_second(const std::string& tuning, std::map<std::string, std::string> env) {
  DaemonOptions options;
  options.config = "[agents]\ninterval = 1\n" + tuning;
  options.env = std::move(env);
  return options;
}

}  // namespace

AlarmTest::AlarmTest(const std::string& tuning, std::map<std::string, std::string> env)
    : daemon_(epmd_, every_second(tuning, std::move(env))) {}

void AlarmTest::add(const std::string& name, json::object spec) {
  ManagedNodes(daemon_).bring_up(name, std::move(spec));
}

void AlarmTest::keep_reading(const std::string& node, const std::string& metric) {
  auto reply = daemon_.rest("POST", "/api/metrics/live",
                            {{"node", node}, {"metrics", json::array{metric}}, {"seconds", 600}});
  EXPECT_EQ(reply.status, 200) << reply.text;
}

void AlarmTest::wait_until_read(const std::string& node, const std::string& metric) {
  EXPECT_TRUE(eventually(
      [&] {
        auto reply = daemon_.rest("GET", "/api/metrics/latest?node=" + node);
        return reply.status == 200 && reply.text.find('"' + metric + '"') != std::string::npos;
      },
      seconds(20)))
      << metric << " of " << node << " is not read";
}

void AlarmTest::wait_for_window(const std::string& node, const std::string& metric,
                                seconds window) {
  auto reaches = [&] {
    auto reply = daemon_.rest("GET", "/api/metrics/query?node=" + node + "&metrics=" + metric);
    if (reply.status != 200 || reply.json.at("items").as_array().empty()) return false;
    // One a second, the first two perhaps at once.
    auto points = reply.json.at("items").as_array()[0].at("points").as_array().size();
    return points > static_cast<std::size_t>(window.count()) + 2;
  };
  EXPECT_TRUE(eventually(reaches, window + seconds(20))) << metric << " of " << node;
}

void AlarmTest::wait_until_it_counts(ErlNode& node) {
  wait_for_agent(node, "notifications");
  wait_until_read(node.name(), "events.long_gc");
}

void AlarmTest::wait_for_agent(ErlNode& node, const std::string& agent) {
  auto ask = agent == "notifications" ? std::string("erlang:system_monitor() =/= undefined")
                                      : "lists:any(fun(N) -> lists:prefix(\"muster_agent_" + agent +
                                            "\", atom_to_list(N)) end, registered())";
  EXPECT_TRUE(eventually([&] { return node.eval(ask) == "true"; }, seconds(20)))
      << agent << " does not come to " << node.name();
}

json::array AlarmTest::list(const std::string& query) {
  auto reply = daemon_.rest("GET", "/api/alarms?" + query);
  EXPECT_EQ(reply.status, 200) << reply.text;
  return reply.json.at("items").as_array();
}

/// By the messages that the agent's own timers send it.
void AlarmTest::look() {
  if (Steady::now() - looked_ < seconds(1)) return;
  looked_ = Steady::now();
  for (auto* node : looking_)
    node->eval(
        "[begin P ! scan, P ! checks end || N <- registered(), "
        "lists:prefix(\"muster_agent_alarms\", atom_to_list(N)), P <- [whereis(N)]], ok");
}

json::value AlarmTest::raised(const std::string& condition, const std::string& severity,
                              Limit limit, const std::string& node) {
  auto query = "condition=" + condition + (node.empty() ? "" : "&node=" + node);
  auto end = Steady::now() + limit;
  for (;;) {
    look();
    auto items = list(query);
    if (items.empty())
      items = daemon_.rest("GET", "/api/alarms/history?" + query).json.at("items").as_array();
    if (!items.empty() && (severity.empty() || items[0].at("severity") == json::value(severity)))
      return items[0];
    if (Steady::now() > end) {
      ADD_FAILURE() << condition << " " << severity << " is not raised";
      return nullptr;
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
}

json::value AlarmTest::over(const std::string& condition, Limit limit) {
  auto end = Steady::now() + limit;
  for (;;) {
    look();
    auto past = daemon_.rest("GET", "/api/alarms/history?condition=" + condition).json;
    if (list("condition=" + condition).empty() && !past.at("items").as_array().empty())
      return past.at("items").as_array()[0];
    if (Steady::now() > end) {
      ADD_FAILURE() << condition << " is not over";
      return nullptr;
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
}

}  // namespace muster::test
