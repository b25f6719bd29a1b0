#include "doors/rest/dispatcher.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "tests/unit/support/clock.h"

namespace muster::doors::rest {
namespace {

struct Thing {
  std::string id;
  std::vector<std::string> tags;
  std::optional<std::uint16_t> port;
};
BOOST_DESCRIBE_STRUCT(Thing, (), (id, tags, port))

class FakeTokens final : public ops::TokenStore {
 public:
  Result<ops::Caller> find(std::string_view token) const override {
    if (token == "good") return ops::Caller{"token:good", ops::Role::operator_, {}, {}};
    if (token == "bound") {
      ops::Caller caller{"token:bound", ops::Role::admin, {}, {}};
      caller.families = {"shop"};
      return caller;
    }
    return Error(Errc::unauthorized, "this token is not known");
  }
  std::optional<std::string> find_expired(std::string_view token) const override {
    if (token == "old") return "token:old";
    return std::nullopt;
  }
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() : tickets_(clock_), dispatcher_(table_, tokens_, tickets_) {
    auto give_back = [](Thing thing, ops::Caller) -> Task<Thing> { co_return thing; };
    auto add = [&](std::string name, ops::Http http, ops::Role role) -> ops::Row {
      return {"things", name, http, role, ""};
    };
    auto put = add("put", {"POST", "/api/things/:id"}, ops::Role::operator_);
    put.http.body_member = "tags";
    table_.add(ops::operation<Thing, Thing>(put, give_back));
    table_.add(ops::operation<Thing, Thing>(
        add("show", {"GET", "/api/things/:id"}, ops::Role::viewer), give_back));
    table_.add(ops::operation<Thing, Thing>(
        add("drop", {"DELETE", "/api/things/:id"}, ops::Role::admin), give_back));
    auto open = add("open", {"GET", "/api/open/:id"}, ops::Role::viewer);
    open.is_anonymous = true;
    table_.add(ops::operation<Thing, Thing>(open, give_back));
  }

  static RequestHead head(std::string verb, std::string target, std::string authorization) {
    RequestHead head;
    head.verb = std::move(verb);
    head.target = std::move(target);
    if (!authorization.empty()) head.headers.emplace_back("authorization", authorization);
    return head;
  }
  int status(std::string verb, std::string target, std::string authorization = "Bearer good") {
    auto planned = dispatcher_.plan(head(verb, target, authorization));
    auto* response = std::get_if<Response>(&planned);
    return response ? response->status : 0;
  }
  /// What the operation got, as JSON; or the field that is wrong.
  std::string asked(std::string verb, std::string target, std::string_view text) {
    auto planned = dispatcher_.plan(head(verb, target, "Bearer good"));
    auto* plan = std::get_if<Plan>(&planned);
    if (!plan) return "no plan";
    JsonBody body(plan->operation->request().structure(), "");
    if (!body.feed(text) || !body.finish()) return "no json";
    auto prepared = dispatcher_.prepare(*plan, body);
    if (!prepared) return "wrong: " + prepared.error().field;
    return json::serialize(ops::to_json(*static_cast<Thing*>(prepared->get())));
  }

  ops::Table table_;
  FakeTokens tokens_;
  test::HandClock clock_;
  Tickets tickets_;
  Dispatcher dispatcher_;
};

TEST_F(DispatcherTest, ArgumentsComeFromPathQueryAndBody) {
  EXPECT_EQ(asked("POST", "/api/things/a%2Fb?port=80", R"({"tags":["x"]})"),
            R"({"id":"a/b","tags":["x"],"port":80})");
  EXPECT_EQ(asked("GET", "/api/things/7?tags=a,b&tags=c%20d+e", ""),
            R"({"id":"7","tags":["a","b","c d e"]})");
  EXPECT_EQ(asked("POST", "/api/things/7", R"(["x","y"])"), R"({"id":"7","tags":["x","y"]})");
}

TEST_F(DispatcherTest, RefusesArgumentsThatDoNotFit) {
  EXPECT_EQ(asked("POST", "/api/things/7", R"({"id":"8"})"), "wrong: /id");
  EXPECT_EQ(asked("POST", "/api/things/7?nope=1", ""), "wrong: /nope");
  EXPECT_EQ(asked("POST", "/api/things/7?port=1&port=2", ""), "wrong: /port");
  EXPECT_EQ(asked("POST", "/api/things/7?port=x", ""), "wrong: /port");
  EXPECT_EQ(asked("POST", "/api/things/7", "7"), "wrong: ");
  EXPECT_EQ(asked("POST", "/api/things/7", "[7]"), "wrong: /tags/0");
}

// Each was compared with each: thousands of them, without a token, held the loop.
TEST_F(DispatcherTest, AQueryHasAFewParameters) {
  std::string query = "a=1";
  for (int i = 1; i < 256; ++i) query += "&a=1";
  EXPECT_EQ(parse_query(query)->size(), 256u);
  EXPECT_FALSE(parse_query(query + "&a"));
  EXPECT_EQ(status("GET", "/api/things/7?" + query + "&a"), 400);
}

TEST_F(DispatcherTest, AsksForCredentials) {
  EXPECT_EQ(status("GET", "/api/things/7", ""), 401);
  EXPECT_EQ(status("GET", "/api/things/7", "Basic Z29vZA=="), 401);
  EXPECT_EQ(status("GET", "/api/things/7", "Bearer bad"), 401);
  EXPECT_EQ(status("GET", "/api/things/7", "bearer good"), 0);
  EXPECT_EQ(status("GET", "/api/nothing", ""), 401) << "strangers learn nothing";
  EXPECT_EQ(status("GET", "/api/open/1", ""), 0);
}

TEST_F(DispatcherTest, RefusesBeforeReadingABody) {
  EXPECT_EQ(status("DELETE", "/api/things/7"), 403);
  EXPECT_EQ(status("GET", "/api/nothing"), 404);
  EXPECT_EQ(status("PATCH", "/api/things/7"), 405);
  EXPECT_EQ(status("OPTIONS", "/api/things/7"), 405);
  EXPECT_EQ(status("GET", "/api/things/7?a=%g1"), 400);
  EXPECT_EQ(status("HEAD", "/api/things/7"), 0);
}

TEST_F(DispatcherTest, SaysWhatAPathTakes) {
  auto planned = dispatcher_.plan(head("PUT", "/api/things/7", "Bearer good"));
  auto& response = std::get<Response>(planned);
  EXPECT_THAT(response.headers, testing::Contains(testing::Pair("Allow", "DELETE, GET, POST")));
  EXPECT_THAT(response.head(true), testing::HasSubstr("405 Method Not Allowed"));
}

TEST_F(DispatcherTest, ATicketOpensTheWebSocketOnce) {
  auto ticket = *tickets_.make({"token:x", ops::Role::viewer, {}, {}});
  auto target = "/api/events?topics=a,b&since=7&ticket=" + ticket.ticket;
  auto planned = dispatcher_.plan_events(head("GET", target, ""));
  auto* plan = std::get_if<EventsPlan>(&planned);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->caller.name, "token:x");
  EXPECT_EQ(plan->topics, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(plan->since, 7u);
  dispatcher_.use_ticket(plan->ticket);
  EXPECT_EQ(dispatcher_.plan_events(head("GET", target, "")).index(), 0u);
}

TEST_F(DispatcherTest, ATicketDoesNotLive) {
  auto ticket = *tickets_.make({});
  clock_.turn(Tickets::life);
  EXPECT_FALSE(tickets_.find(ticket.ticket));
  for (std::size_t i = 0; i < Tickets::per_caller; ++i) ASSERT_TRUE(tickets_.make({}));
  EXPECT_EQ(tickets_.make({}).error().errc(), Errc::quota);
  clock_.turn(Tickets::life);
  EXPECT_TRUE(tickets_.make({}));
}

TEST_F(DispatcherTest, TheWebSocketTakesTheTokenToo) {
  EXPECT_EQ(dispatcher_.plan_events(head("GET", "/api/events", "Bearer good")).index(), 1u);
  EXPECT_EQ(dispatcher_.plan_events(head("GET", "/api/events", "")).index(), 0u);
  EXPECT_EQ(dispatcher_.plan_events(head("GET", "/api/events?x=1", "Bearer good")).index(), 0u);
  EXPECT_EQ(dispatcher_.plan_events(head("GET", "/api/events?since=-1", "Bearer good")).index(),
            0u);
}

TEST_F(DispatcherTest, TheAuditHearsOfUnknownTokensAndTicketsOfWebSocketsAndFromWhere) {
  std::vector<std::string> heard;
  table_.set_audit([&](const ops::Attempt& attempt) {
    heard.push_back(attempt.operation + " " + attempt.caller + " " + attempt.from + " " +
                    attempt.code + " " + attempt.about);
  });
  std::ignore = dispatcher_.plan(head("GET", "/api/things/a", "Bearer guessed"), "10.0.0.9");
  std::ignore = dispatcher_.plan(head("GET", "/api/things/a", "Bearer old"), "10.0.0.9");
  std::ignore = dispatcher_.plan_events(head("GET", "/api/events?ticket=guessed", ""), "10.0.0.9");
  std::ignore = dispatcher_.plan_events(head("GET", "/api/events", "Bearer good"), "10.0.0.8");
  std::ignore = dispatcher_.plan(head("DELETE", "/api/things/a", "Bearer good"), "10.0.0.8");
  EXPECT_EQ(heard, (std::vector<std::string>{"rest.token stranger 10.0.0.9 unauthorized ",
                                             "rest.token token:old 10.0.0.9 unauthorized expired",
                                             "rest.ticket stranger 10.0.0.9 unauthorized ",
                                             "rest.websocket token:good 10.0.0.8  ",
                                             "things.drop token:good 10.0.0.8 forbidden id=a"}));
}

TEST_F(DispatcherTest, ABoundTokenGetsPagesOfItsFamiliesOnlyAndNoEvents) {
  ops::FamilyLookup lookup;
  lookup.family = [](const std::string& name) { return ops::FamilyLookup::Ids{name}; };
  table_.set_families(lookup);
  Page page{"/metrics", "text/plain", ops::Role::viewer, nullptr, {.family = "family"}};
  auto status_of = [&](std::string query) {
    auto planned = dispatcher_.plan_page(head("GET", "/metrics" + query, "Bearer bound"), page);
    auto* response = std::get_if<Response>(&planned);
    return response ? response->status : 0;
  };
  EXPECT_EQ(status_of("?family=shop"), 0);
  EXPECT_EQ(status_of("?family=bank"), 403);
  EXPECT_EQ(status_of("?family=shop&family=bank"), 403);
  EXPECT_EQ(status_of(""), 403);
  auto events = dispatcher_.plan_events(head("GET", "/api/events", "Bearer bound"));
  ASSERT_TRUE(std::holds_alternative<Response>(events));
  EXPECT_EQ(std::get<Response>(events).status, 403);
}

}  // namespace
}  // namespace muster::doors::rest
