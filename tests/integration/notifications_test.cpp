// What real nodes say, found by search, live and within bounds.
#include <gtest/gtest.h>

#include <thread>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "websocket.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

class NotificationsTest : public testing::Test {
 protected:
  /// Manages the node and waits until its agent listens.
  void watch(const std::string& name) {
    ManagedNodes(daemon_).add(name);
    ASSERT_TRUE(found("kind=node_up&node=" + name, seconds(20)));
  }
  void watch_with_agent(ErlNode& erl) {
    watch(erl.name());
    wait_for_agent(erl);
  }
  void wait_for_agent(ErlNode& erl) {
    const std::string has_agent =
        "lists:any(fun(#{id := Id}) -> lists:prefix(\"muster_notifications\", "
        "atom_to_list(Id)) end, logger:get_handler_config())";
    ASSERT_TRUE(eventually([&] { return erl.eval(has_agent) == "true"; }, seconds(20)));
  }
  json::array list(const std::string& query) {
    auto reply = daemon_.rest("GET", "/api/notifications?" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json.at("items").as_array();
  }
  /// The newest that fits, once there is one; nothing when none comes in time.
  std::optional<json::object> found(const std::string& query, milliseconds limit) {
    std::optional<json::object> newest;
    auto is_there = [&] {
      auto items = list(query + "&limit=1");
      if (!items.empty()) newest = items[0].as_object();
      return newest.has_value();
    };
    eventually(is_there, limit);
    return newest;
  }

  Epmd epmd_;
  Daemon daemon_{epmd_};
};

TEST_F(NotificationsTest, NodesThatComeAndGoAreFoundAlsoAfterKill9) {
  auto erl = std::make_unique<ErlNode>(epmd_, named("a@127.0.0.1"));
  watch("a@127.0.0.1");
  erl.reset();
  auto down = found("kind=node_down&words=DOWN+closed&severity=error", seconds(10));
  ASSERT_TRUE(down);
  EXPECT_EQ(down->at("node"), "a@127.0.0.1");
  daemon_.restart();
  EXPECT_EQ(found("kind=node_down", seconds(0))->at("id"), down->at("id"));
  ErlNode again(epmd_, named("a@127.0.0.1"));
  EXPECT_TRUE(found("kind=node_restarted&node=a@127.0.0.1", seconds(20)));
  auto up = found(
      "words=up&family=" + std::string("Erlang%2FOTP%20") + std::to_string(host_otp().release),
      seconds(0));
  EXPECT_TRUE(up);
  EXPECT_TRUE(daemon_.stop());
}

TEST_F(NotificationsTest, PagesFollowEachOther) {
  ErlNode erl(epmd_, named("a@127.0.0.1"));
  watch("a@127.0.0.1");
  for (int i = 0; i < 2; ++i) {
    daemon_.restart();
    ASSERT_TRUE(found("kind=node_up&after=1000", seconds(20)));
    ASSERT_TRUE(eventually([&] { return list("kind=node_up").size() > 1u + i; }));
  }
  auto all = list("kind=node_up");
  json::array paged;
  std::string after;
  do {
    auto reply = daemon_.rest("GET", "/api/notifications?kind=node_up&limit=1" + after).json;
    for (auto& item : reply.at("items").as_array()) paged.push_back(item);
    auto* next = reply.as_object().if_contains("next");
    after = next ? "&after=" + std::string(next->as_string()) : "";
  } while (!after.empty());
  EXPECT_EQ(paged, all);
  EXPECT_EQ(daemon_.rest("GET", "/api/notifications?after=x").status, 400);
}

TEST_F(NotificationsTest, ACrashIsFoundWithinTwoSecondsWithItsStructure) {
  ErlNode erl(epmd_, named("a@127.0.0.1"));
  watch_with_agent(erl);
  WebSocket live(daemon_.http_port(), "/api/events?topics=notifications",
                 "Authorization: Bearer " + daemon_.token());
  ErlNode shell(epmd_, named("shell@127.0.0.1"));
  shell.eval("rpc:call('" + daemon_.name() +
             "', muster, subscribe, [#{topics => [notifications]}])");
  auto start = Steady::now();
  erl.eval("proc_lib:spawn(fun() -> exit({shipwreck, #{reef => 7}}) end)");
  auto crash = found("words=shipwreck&node=a@127.0.0.1&severity=error", seconds(5));
  auto took = Steady::now() - start;
  ASSERT_TRUE(crash);
  EXPECT_LT(took, seconds(2));
  EXPECT_TRUE(crash->contains("node_at"));
  auto whole = daemon_.rest("GET", "/api/notifications/" + json::serialize(crash->at("id")))
                   .json.as_object();
  EXPECT_TRUE(whole.contains("report")) << json::serialize(whole);
  auto event = live.next();
  while (event && event->at("data").at("id") != crash->at("id")) event = live.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->at("topic"), "notifications.entry");
  EXPECT_EQ(daemon_.openapi().check_event(*event), "");
  EXPECT_EQ(
      shell.eval("receive {muster_event, T, #{data := #{id := " + json::serialize(crash->at("id")) +
                 ", node := N}}} -> {T, N} after 5000 -> none end"),
      "{'notifications.entry','a@127.0.0.1'}");
}

TEST_F(NotificationsTest, ALevelIsSetAtRunTimeAndKept) {
  ErlNode erl(epmd_, named("a@127.0.0.1"));
  watch_with_agent(erl);
  erl.eval("logger:set_primary_config(level, all)");
  // What is set takes a moment to be there.
  auto is_heard = [&](const std::string& word, seconds limit) {
    auto end = Steady::now() + limit;
    while (Steady::now() < end) {
      erl.eval("logger:warning(\"" + word + "\")");
      if (found("words=" + word, milliseconds(300))) return true;
    }
    return false;
  };
  EXPECT_FALSE(is_heard("unheard", seconds(1)));
  json::object wish{{"node", "a@127.0.0.1"}, {"source", "logger"}, {"level", "warning"}};
  ASSERT_EQ(daemon_.rest("PUT", "/api/notifications/levels", wish).status, 200);
  EXPECT_TRUE(is_heard("heard", seconds(10)));
  daemon_.restart();
  auto levels = daemon_.rest("GET", "/api/notifications/levels?node=a@127.0.0.1").json;
  EXPECT_EQ(levels.at("items").as_array().size(), 1u);
  ASSERT_TRUE(eventually([&] { return list("kind=node_up").size() >= 2; }, seconds(20)));
  wait_for_agent(erl);
  EXPECT_TRUE(is_heard("again", seconds(10)));
  wish.erase("level");
  ASSERT_EQ(daemon_.rest("PUT", "/api/notifications/levels", wish).status, 200);
  const std::string level =
      "[L || #{id := Id, level := L} <- logger:get_handler_config(), "
      "lists:prefix(\"muster_notifications\", atom_to_list(Id))]";
  ASSERT_TRUE(eventually([&] { return erl.eval(level) == "[error]"; }, seconds(10)));
  erl.eval("logger:warning(\"nevermore\"), logger:error(\"thereafter\")");
  EXPECT_TRUE(found("words=thereafter", seconds(10)));
  EXPECT_TRUE(list("words=nevermore").empty());
}

TEST_F(NotificationsTest, AStormIsDroppedVisiblyAndDelaysNoOtherNode) {
  ErlNode storm(epmd_, named("storm@127.0.0.1")), quiet(epmd_, named("quiet@127.0.0.1"));
  watch_with_agent(storm);
  watch_with_agent(quiet);
  storm.eval(
      "logger:remove_handler(default), spawn(fun() -> L = fun(F) -> logger:error(\"thunder\"), F(F)"
      " end, L(L) end), ok");
  EXPECT_TRUE(found("words=thunder", seconds(5)));
  for (int i = 0; i < 5; ++i) {
    auto start = Steady::now();
    quiet.eval("logger:error(\"whisper" + std::to_string(i) + "\")");
    ASSERT_TRUE(found("words=whisper" + std::to_string(i), seconds(5)));
    EXPECT_LT(Steady::now() - start, seconds(2));
  }
  auto dropped = found("kind=dropped&node=storm@127.0.0.1", seconds(10));
  ASSERT_TRUE(dropped);
  EXPECT_NE(std::string(dropped->at("text").as_string()).find("logger: "), std::string::npos);
}

}  // namespace
}  // namespace muster::test
