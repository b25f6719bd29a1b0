// What happens to real nodes, found by search.
#include <gtest/gtest.h>

#include <thread>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

class NotificationsTest : public testing::Test {
 protected:
  static ErlOptions named(const std::string& name) {
    ErlOptions options;
    options.name = name;
    return options;
  }
  /// Manages the node and waits until it is UP.
  void watch(const std::string& name) {
    auto added = daemon_.rest("POST", "/api/actions/add-node", {{"name", name}});
    ASSERT_EQ(added.status, 201) << added.text;
    ASSERT_TRUE(found("kind=node_up&node=" + name, seconds(20)));
  }
  json::array list(const std::string& query) {
    auto reply = daemon_.rest("GET", "/api/notifications?" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json.at("items").as_array();
  }
  /// The newest that fits, once there is one; nothing when none comes in time.
  std::optional<json::object> found(const std::string& query, milliseconds limit) {
    auto end = Steady::now() + limit;
    for (;;) {
      auto items = list(query + "&limit=1");
      if (!items.empty()) return items[0].as_object();
      if (Steady::now() > end) return std::nullopt;
      std::this_thread::sleep_for(milliseconds(20));
    }
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
    while (list("kind=node_up").size() < static_cast<std::size_t>(i) + 2)
      std::this_thread::sleep_for(milliseconds(50));
  }
  auto all = list("");
  json::array paged;
  std::string after;
  do {
    auto reply = daemon_.rest("GET", "/api/notifications?limit=1" + after).json;
    for (auto& item : reply.at("items").as_array()) paged.push_back(item);
    auto* next = reply.as_object().if_contains("next");
    after = next ? "&after=" + std::string(next->as_string()) : "";
  } while (!after.empty());
  EXPECT_EQ(paged, all);
  EXPECT_EQ(daemon_.rest("GET", "/api/notifications?after=x").status, 400);
}

}  // namespace
}  // namespace muster::test
