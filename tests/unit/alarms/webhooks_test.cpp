#include "services/alarms/webhooks.h"

#include "loop.h"
#include "services/alarms/forbidden_address.h"
#include "services/alarms/http_post.h"
#include "services/alarms/refusals.h"

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

TEST(Refusals, AreFinalAndAnOutageIsNoneHoweverItLooks) {
  for (int refusal : {400, 410, 413, 422, 499}) EXPECT_TRUE(is_refusal(refusal));
  for (int outage : {302, 401, 403, 404, 407, 408, 425, 429, 500, 502, 503, 504})
    EXPECT_FALSE(is_refusal(outage));
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

TEST_F(WebhooksTest, OnlyAnAdminAddsOneAndSeesMoreThanItsHost) {
  object hook{{"url", "http://127.0.0.1:9/services/T000/secret"}, {"secret", "a secret of ours"}};
  EXPECT_EQ(call("add_webhook", hook, ops::Role::operator_).error().errc(), Errc::forbidden);
  auto added = call("add_webhook", hook);
  ASSERT_TRUE(added);
  object by_id{{"id", added->at("id")}};
  EXPECT_EQ(call("remove_webhook", by_id, ops::Role::operator_).error().errc(), Errc::forbidden);
  auto seen = call("list_webhooks", {}, ops::Role::viewer)->at("items").at(0).as_object();
  EXPECT_EQ(seen.at("host"), "127.0.0.1");
  EXPECT_FALSE(seen.contains("url"));
  EXPECT_FALSE(seen.contains("last_error"));
  EXPECT_EQ(call("list_webhooks", {})->at("items").at(0).at("url"), hook.at("url"));
}

TEST_F(WebhooksTest, OneDoesNotPointAtALinkLocalAddress) {
  for (auto* url :
       {"http://169.254.169.254/latest/meta-data", "http://169.254.1.1:80/", "https://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://0xa9fea9fe/",
        "http://169.254.43518/", "http://[fd00:ec2::254]/", "http://[64:ff9b::a9fe:a9fe]/"}) {
    auto reply = call("add_webhook", {{"url", url}, {"secret", "a secret of ours"}});
    EXPECT_EQ(reply ? "" : reply.error().field, "/url") << url;
  }
}

TEST(ForbiddenAddress, IsLinkLocalInWhateverForm) {
  auto is_forbidden = [](const char* text) {
    return is_forbidden_address(asio::ip::make_address(text));
  };
  for (auto* forbidden : {"169.254.0.0", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%1",
                          "::ffff:169.254.169.254", "::169.254.1.1", "2002:a9fe:a9fe::1",
                          "64:ff9b::169.254.169.254", "fd00:ec2::254", "100.100.100.200"})
    EXPECT_TRUE(is_forbidden(forbidden)) << forbidden;
  for (auto* fine : {"127.0.0.1", "10.0.0.7", "169.253.255.255", "169.255.0.0", "::1", "fec0::1",
                     "2001:db8::1", "::ffff:127.0.0.1", "fd00::1"})
    EXPECT_FALSE(is_forbidden(fine)) << fine;
}

// What a name leads to is judged when it is connected to: a name server that has changed its mind
// since the webhook was added does not help.
TEST(HttpPost, ConnectsToNoForbiddenAddress) {
  std::atomic<bool> is_ending = false;
  for (auto* url : {"http://169.254.169.254:9/", "http://[fe80::1%25lo]:9/",
                    "http://[::ffff:169.254.169.254]:9/"}) {
    auto sent = http_post(url, {}, "{}", is_ending);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().errc(), Errc::forbidden) << url << ": " << sent.error().text();
  }
}

TEST(HttpPost, ConnectsToNoForbiddenAddressThatANameLeadsTo) {
  std::atomic<bool> is_ending = false;
  for (std::string address : {"169.254.169.254", "[fe80::1]", "[::ffff:169.254.1.1]",
                              "100.100.100.200", "[fd00:ec2::254]"}) {
    auto sent =
        http_post("http://pager.example:9/", {}, "{}", is_ending, "pager.example:9:" + address);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().errc(), Errc::forbidden) << address << ": " << sent.error().text();
  }
  auto sent =
      http_post("http://pager.example:9/", {}, "{}", is_ending, "pager.example:9:127.0.0.1");
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().errc(), Errc::unavailable) << "it was tried";
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

/// muster serve --forget-secrets leaves an empty one, with which anybody could sign.
TEST_F(WebhooksTest, OneWhoseSecretWasForgottenWaitsAndSignsNothing) {
  auto added = call("add_webhook", {{"url", nobody}, {"secret", "a secret of ours"}});
  ASSERT_TRUE(added);
  end_hooks();
  end();
  std::string id(added->at("id").as_string());
  auto sealed = cipher.seal(Secret(""), "alarm_webhooks/" + id + "/secret");
  auto forget = [&](store::Connection& db) {
    return store::Statement(db, "UPDATE alarm_webhooks SET secret = ?").bind_blob(sealed).run();
  };
  ASSERT_TRUE(wait(database->write(forget)));
  begin();
  begin_hooks();
  desk->raise(report("a"));
  ops::json::object hook;
  for (int i = 0; i < 1000 && !hook.contains("last_error"); ++i)
    hook = call("list_webhooks", {})->at("items").at(0).as_object();
  ASSERT_TRUE(hook.contains("last_error"));
  EXPECT_NE(std::string(hook.at("last_error").as_string()).find("forgotten"), std::string::npos);
  EXPECT_EQ(hook.at("waiting"), 1);
  EXPECT_EQ(hook.at("sent"), 0);
  EXPECT_EQ(hook.at("dropped"), 0);
}

/// Letters that wait as if nobody had been told yet.
class OutboxTest : public DeskTest {
 protected:
  OutboxTest() {
    WebhookRow hook;
    hook.view.id = "w";
    hook.view.url = "http://127.0.0.1:9/";
    hook.secret = Secret("a secret of ours");
    EXPECT_TRUE(wait(hooks.insert(hook)));
  }
  void alarm(const std::string& node, const std::string& body) {
    Saved saved;
    saved.alarm.id = body;
    saved.alarm.node_id = node;
    saved.letters = {{"w", body}};
    EXPECT_TRUE(wait(alarms.save({saved})));
  }
  /// A webhook for which very many letters of one node wait, which say that they are so large.
  void flood(int count, int bytes = 4) {
    auto job = [&](store::Connection& db) -> Result<> {
      store::Statement s(db,
                         "INSERT INTO alarm_outbox (webhook_id, body, subject, bytes) SELECT 'w',"
                         " 'evil', 'evil', ?2 FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
                         " SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n)");
      return s.bind(count).bind(bytes).run();
    };
    EXPECT_TRUE(wait(database->write(job)));
  }
  std::vector<std::string> waiting() {
    std::vector<std::string> bodies;
    auto letters = wait(hooks.waiting("w"));
    EXPECT_TRUE(letters) << letters.error().text();
    for (auto& letter : *letters) bodies.push_back(letter.body);
    return bodies;
  }

  store::Cipher cipher{Secret(std::string(32, 'k'))};
  WebhookRows hooks{*database, cipher};
  AlarmRows alarms{*database};
};

TEST_F(OutboxTest, ThousandsOfAlarmsOfOneNodeDelayNoOtherNodesLetter) {
  flood(9'000);
  for (auto* body : {"a1", "a2", "a3"}) alarm("a", body);
  alarm("b", "b1");
  auto next = waiting();
  ASSERT_EQ(next.size(), 50u);
  next.resize(8);
  EXPECT_EQ(next,
            (std::vector<std::string>{"evil", "a1", "b1", "evil", "a2", "evil", "a3", "evil"}));
}

TEST_F(OutboxTest, WhatIsTooMuchIsDroppedOfWhomMostWaits) {
  alarm("a", "a1");
  flood(100'010);
  ASSERT_TRUE(wait(alarms.trim()));
  auto views = wait(hooks.views());
  ASSERT_TRUE(views);
  EXPECT_EQ(views->front().waiting, 100'000u);
  EXPECT_EQ(views->front().dropped, 11u);
  EXPECT_EQ(waiting().front(), "a1");
}

// They were counted and not weighed: 100,000 with 16 KiB of evidence each were 2 GB.
TEST_F(OutboxTest, WhatWaitsIsBoundedInBytes) {
  alarm("a", "a1");
  flood(200, 1 << 20);
  alarm("b", "b1");
  ASSERT_TRUE(wait(alarms.trim()));
  auto views = wait(hooks.views());
  ASSERT_TRUE(views);
  EXPECT_EQ(views->front().waiting, 129u) << "127 MiB, and the two of others";
  EXPECT_EQ(views->front().dropped, 73u);
  auto next = waiting();
  EXPECT_EQ(next[0], "a1");
  EXPECT_EQ(next[2], "b1");
}

// It was looked at when 200 alarms were over: a node whose alarms only change was never.
TEST_F(WebhooksTest, WhatWaitsIsTrimmedAlsoWhileNoAlarmIsOver) {
  auto added = call("add_webhook", {{"url", nobody}, {"secret", "a secret of ours"}});
  ASSERT_TRUE(added);
  auto fill = [&](store::Connection& db) {
    store::Statement s(db, "INSERT INTO alarm_outbox (webhook_id, body, bytes) VALUES (?, '', ?)");
    return s.bind(std::string(added->at("id").as_string())).bind(std::int64_t{1} << 30).run();
  };
  ASSERT_TRUE(wait(database->write(fill)));
  auto one = report("a");
  one.evidence = ops::json::value(std::string(1 << 19, 'x'));
  for (int i = 0; i < 40; ++i) {
    one.severity = i % 2 ? Severity::minor : Severity::major;
    desk->raise(one);
  }
  std::int64_t dropped = 0;
  for (int i = 0; i < 1000 && dropped == 0; ++i)
    dropped = call("list_webhooks", {})->at("items").at(0).at("dropped").to_number<std::int64_t>();
  EXPECT_EQ(dropped, 1);
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
