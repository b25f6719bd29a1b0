#include "services/alarms/webhooks.h"

#include "loop.h"
#include "services/alarms/http_post.h"

namespace muster::alarms {
namespace {

using ops::json::object;

class WebhooksTest : public DeskTest {
 protected:
  WebhooksTest() { begin_hooks(); }
  ~WebhooksTest() override { end_hooks(); }

  void begin_hooks() {
    hooks = std::make_unique<Webhooks>(io.get_executor(), *database, cipher, *desk, clock);
    table->add(hooks->operations());
    auto started = wait(hooks->start());
    EXPECT_TRUE(started) << started.error().text();
  }
  void end_hooks() {
    auto stopping = [this]() -> asio::awaitable<bool> {
      co_await hooks->stop();
      co_return true;
    };
    if (hooks) wait(stopping());
    table.reset();
    hooks.reset();
  }
  /// A port where nobody listens.
  static constexpr auto nobody = "http://127.0.0.1:9/alarms";

  store::Cipher cipher{Secret(std::string(32, 'k'))};
  std::unique_ptr<Webhooks> hooks;
};

TEST(Signature, IsTheHmacOfTheBody) {
  // RFC 4231, test case 2.
  EXPECT_EQ(signature(Secret("Jefe"), "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Refusals, OnlyTheEighthInARowCounts) {
  Refusals refusals;
  for (int i = 1; i < 8; ++i) EXPECT_FALSE(refusals.note(400)) << i;
  EXPECT_TRUE(refusals.note(400));
  EXPECT_FALSE(refusals.note(400)) << "the next letter's first";
}

TEST(Refusals, AnOutageIsNoneHoweverLongAndHoweverItLooks) {
  Refusals refusals;
  for (auto outage : {std::optional<int>(), std::optional(503), std::optional(404),
                      std::optional(302), std::optional(429), std::optional(408)}) {
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(refusals.note(outage));
    EXPECT_FALSE(refusals.note(403)) << "the first after it";
  }
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(refusals.note(403));
  EXPECT_FALSE(refusals.note(std::nullopt)) << "it began anew";
  EXPECT_FALSE(refusals.note(403));
}

TEST_F(WebhooksTest, RefusesWhatCannotWork) {
  auto field = [&](object request) {
    auto reply = call("add_webhook", std::move(request));
    return reply ? "" : reply.error().field;
  };
  std::string secret(16, 's');
  EXPECT_EQ(field({{"url", "ftp://h/"}, {"secret", secret}}), "/url");
  EXPECT_EQ(field({{"url", "http://u:p@h/"}, {"secret", secret}}), "/url");
  EXPECT_EQ(field({{"url", "nonsense"}, {"secret", secret}}), "/url");
  EXPECT_EQ(field({{"url", nobody}, {"secret", "short"}}), "/secret");
  EXPECT_EQ(field({{"url", nobody}}), "/secret");
}

TEST_F(WebhooksTest, NothingIsLostWhileTheReceiverIsAwayAndTheDaemonRestarts) {
  ASSERT_TRUE(call("add_webhook", {{"url", nobody}, {"secret", "a secret of ours"}}));
  ASSERT_TRUE(call("add_webhook",
                   {{"url", nobody}, {"secret", "a secret of ours"}, {"severity", "critical"}}));
  desk->raise(report("a"));
  auto id = desk->book().all().begin()->first;
  ASSERT_TRUE(call("acknowledge", {{"id", id}}));
  desk->clear(report("a").subject, Source::builtin, "a", "", "better");
  ASSERT_TRUE(call("get", {{"id", id}}));
  end_hooks();
  end();
  begin();
  begin_hooks();
  auto listed = call("list_webhooks", {});
  ASSERT_TRUE(listed);
  std::int64_t waiting = 0;
  for (auto& hook : listed->at("items").as_array()) {
    waiting += hook.at("waiting").to_number<std::int64_t>();
    EXPECT_FALSE(hook.as_object().contains("secret"));
  }
  EXPECT_EQ(waiting, 3) << "raised, acknowledged, cleared; not for the one that wants critical";
}

TEST_F(WebhooksTest, SecretsAreNotReadableInTheDatabase) {
  ASSERT_TRUE(call("add_webhook", {{"url", nobody}, {"secret", "a secret of ours"}}));
  auto job = [](store::Connection& db) -> Result<std::string> {
    store::Statement s(db, "SELECT secret FROM alarm_webhooks");
    s.step();
    return s.blob(0);
  };
  auto sealed = wait(database->read(job));
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->find("secret"), std::string::npos);
}

TEST_F(WebhooksTest, ARemovedOneTakesItsLettersAlong) {
  auto added = call("add_webhook", {{"url", nobody}, {"secret", "a secret of ours"}});
  ASSERT_TRUE(added);
  desk->raise(report("a"));
  ASSERT_TRUE(call("remove_webhook", {{"id", added->at("id")}}));
  EXPECT_TRUE(call("list_webhooks", {})->at("items").as_array().empty());
  auto twice = call("remove_webhook", {{"id", added->at("id")}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().errc(), Errc::not_found);
}

}  // namespace
}  // namespace muster::alarms
