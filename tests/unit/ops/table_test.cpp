#include "ops/table.h"

#include <gmock/gmock.h>

#include "base/clock.h"
#include "ops/builtin.h"
#include "ops/openapi.h"
#include "ops/replies.h"
#include "sample.h"

namespace muster::sample {
namespace {

using etf::atom, etf::binary, etf::tuple;

/// A service with one operation of each kind.
class Service {
 public:
  Task<Done> login(Login request, ops::Caller caller) {
    co_return Done{request.user + " by " + caller.name};
  }
  Task<Done> rules(Rules request, ops::Caller) {
    co_return Done{request.family + std::to_string(request.rules.size())};
  }
  Task<Done> fail(ops::Empty, ops::Caller) { co_return Error(Errc::conflict, "busy"); }
  Task<Done> put(ById request, ops::Caller, ops::BodySource& body) {
    std::string all;
    for (;;) {
      CO_TRY(auto piece, co_await body.next());
      if (piece.empty()) break;
      all += piece;
    }
    co_return Done{request.id + ":" + all};
  }
  Task<ops::Page<Inner>> list(ops::PageRequest request, ops::Caller) {
    std::vector<Inner> all{{"a", 1}, {"b", {}}, {"c", {}}};
    co_return ops::page_of(all, request, [](auto& i) { return i.text; });
  }
  Task<Done> by_id(ById request, ops::Caller) { co_return Done{request.id}; }
};

class TableTest : public testing::Test {
 protected:
  TableTest() {
    using ops::Role, ops::operation;
    ops::Row login{"auth", "login", {"POST", "/api/login"}, Role::operator_, "Logs in"};
    login.http.alias_paths = {"/api/actions/login"};
    login.http.wrapper = "login";
    table_.add(operation(login, service_, &Service::login));
    ops::Row rules{"orch", "rules", {"POST", "/api/families/:family/rules"}, Role::viewer, "Sets"};
    rules.http.body_member = "rules";
    table_.add(operation(rules, service_, &Service::rules));
    table_.add(operation({"orch", "fail", {"POST", "/api/fail"}, Role::viewer, "Fails"}, service_,
                         &Service::fail));
    table_.add(upload({"orch", "put", {"PUT", "/api/things/:id/bytes"}, Role::viewer, "Puts"},
                      service_, &Service::put));
    table_.add(operation({"orch", "list", {"GET", "/api/things"}, Role::viewer, "Lists"}, service_,
                         &Service::list));
    table_.add(operation({"orch", "show", {"GET", "/api/things/:id"}, Role::viewer, "Shows"},
                         service_, &Service::by_id));
    table_.add(operation({"orch", "special", {"GET", "/api/things/special"}, Role::viewer, "Other"},
                         service_, &Service::fail));
  }

  ops::Caller caller(ops::Role role = ops::Role::admin) { return {"token:ci", role, {}, {}}; }

  Service service_;
  ops::Table table_;
};

TEST_F(TableTest, CallsAnOperationFromErlang) {
  auto* login = table_.find("auth", "login");
  ASSERT_TRUE(login);
  auto args = etf::list(tuple(atom("username"), atom("joe")), tuple(atom("password"), binary("x")));
  auto reply = finish(login->call(args, caller()));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(*reply->get_if<etf::Map>()->find("said"), binary("joe by token:ci"));
}

TEST_F(TableTest, CallsAnOperationFromJson) {
  json::value args = {{"user", "joe"}, {"password", "x"}};
  auto reply = finish(table_.find("auth", "login")->call(args, caller()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, (json::value{{"said", "joe by token:ci"}}));
}

TEST_F(TableTest, ChecksTheRoleBeforeTheArguments) {
  auto reply =
      finish(table_.find("auth", "login")->call(json::value(7), caller(ops::Role::viewer)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().errc(), Errc::forbidden);
  EXPECT_THAT(reply.error().message, testing::HasSubstr("auth.login needs the role operator"));
}

TEST_F(TableTest, NoArgumentsAreAnEmptyList) {
  auto reply = finish(table_.find("orch", "list")->call(etf::Term(), caller()));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->get_if<etf::Map>()->find("items")->get_if<etf::List>()->elements.size(), 3u);
}

TEST_F(TableTest, ListsComeInPages) {
  json::value args = {{"limit", 1}, {"after", "a"}};
  auto reply = finish(table_.find("orch", "list")->call(args, caller()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, json::parse(R"({"items":[{"text":"b"}],"next":"b"})"));
}

TEST_F(TableTest, AnUploadFromErlangHasItsBytesUnderBody) {
  auto args = etf::list(tuple(atom("id"), binary("7")), tuple(atom("body"), binary("bytes")));
  auto reply = finish(table_.find("orch", "put")->call(args, caller()));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(*reply->get_if<etf::Map>()->find("said"), binary("7:bytes"));
  auto missing = finish(table_.find("orch", "put")->call(etf::Term(), caller()));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().field, "/body");
}

TEST_F(TableTest, FindsRoutesWithParameters) {
  auto route = table_.route("POST", "/api/families/a%20b/rules");
  auto* match = std::get_if<ops::Table::Match>(&route);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->operation->row().name, "rules");
  EXPECT_EQ(match->parameters[0], std::make_pair(std::string("family"), std::string("a b")));
}

TEST_F(TableTest, PrefersTheLiteralPath) {
  auto route = table_.route("GET", "/api/things/special");
  ASSERT_TRUE(std::get_if<ops::Table::Match>(&route));
  EXPECT_EQ(std::get_if<ops::Table::Match>(&route)->operation->row().name, "special");
}

TEST_F(TableTest, KnowsAliasPathsAndTrailingSlashes) {
  EXPECT_EQ(table_.route("POST", "/api/actions/login").index(), 2u);
  EXPECT_EQ(table_.route("POST", "/api/login/").index(), 2u);
}

TEST_F(TableTest, TellsAWrongVerbFromAnUnknownPath) {
  auto route = table_.route("DELETE", "/api/things/7");
  auto* wrong = std::get_if<ops::Table::WrongVerb>(&route);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->allowed, std::vector<std::string>{"GET"});
  EXPECT_EQ(table_.route("GET", "/api/nothing").index(), 0u);
  EXPECT_EQ(table_.route("GET", "/api/things/").index(), 2u) << "the list";
  EXPECT_EQ(table_.route("GET", "/api/things/%zz").index(), 0u);
  EXPECT_EQ(table_.route("GET", "").index(), 0u);
}

TEST_F(TableTest, RefusesTwoOfAKind) {
  EXPECT_THROW(table_.add(ops::operation({"orch", "fail", {"GET", "/x"}, ops::Role::viewer, ""},
                                         service_, &Service::fail)),
               std::logic_error);
  EXPECT_THROW(table_.add(ops::operation(
                   {"orch", "other", {"GET", "/api/things/:id"}, ops::Role::viewer, ""}, service_,
                   &Service::by_id)),
               std::logic_error);
  EXPECT_THROW(table_.add(ops::operation(
                   {"orch", "nope", {"GET", "/api/nope/:thing"}, ops::Role::viewer, ""}, service_,
                   &Service::by_id)),
               std::logic_error);
}

TEST_F(TableTest, HelpSaysWhatAnOperationTakes) {
  auto help = ops::help_of(*table_.find("auth", "login"));
  EXPECT_EQ(help.operation, "auth.login");
  EXPECT_EQ(help.role, ops::Role::operator_);
  ASSERT_EQ(help.arguments.size(), 2u);
  EXPECT_EQ(help.arguments[0].doc, "who it is");
  EXPECT_EQ(help.arguments[0].type, "text");
  EXPECT_TRUE(help.arguments[0].required);
  EXPECT_FALSE(ops::help_of(*table_.find("orch", "show")).arguments[1].required);
  EXPECT_EQ(ops::help_of(*table_.find("orch", "rules")).arguments[1].type, "list of sample.Inner");
}

TEST_F(TableTest, OpenApiHasEveryPathWithItsSchemas) {
  auto doc = ops::openapi(table_, {});
  EXPECT_EQ(doc["openapi"], "3.1.0");
  auto& paths = doc["paths"].as_object();
  EXPECT_EQ(paths.size(), 8u);
  auto& show = paths["/api/things/{id}"].at("get");
  EXPECT_EQ(show.at("parameters").at(0).at("name"), "id");
  EXPECT_EQ(show.at("parameters").at(0).at("in"), "path");
  EXPECT_EQ(show.at("parameters").at(1).at("in"), "query");
  auto& schema = paths["/api/login"]
                     .at("post")
                     .at("requestBody")
                     .at("content")
                     .at("application/json")
                     .at("schema");
  EXPECT_EQ(schema.at("required").as_array().size(), 2u);
  EXPECT_EQ(
      doc.at("components").at("schemas").at("sample.Done").at("properties").at("said").at("type"),
      "string");
  auto& list = paths["/api/things"]
                   .at("get")
                   .at("responses")
                   .at("200")
                   .at("content")
                   .at("application/json")
                   .at("schema");
  EXPECT_EQ(list.at("properties").at("items").at("items").at("$ref"),
            "#/components/schemas/sample.Inner");
}

TEST(Replies, HaveOneFormForErlang) {
  EXPECT_EQ(ops::reply_term(etf::Term(7)), tuple(atom("ok"), 7));
  etf::Map map;
  map.pairs = {{atom("code"), atom("bad_request")},
               {atom("message"), binary("no")},
               {atom("field"), binary("/x")}};
  EXPECT_EQ(ops::reply_term(Error(Errc::bad_request, "no", "/x")), tuple(atom("error"), map));
}

TEST(Replies, InternalErrorsStayInside) {
  auto reply = ops::error_reply(Error(Errc::internal, "/secret/path: disk on fire"));
  EXPECT_THAT(reply.message, testing::Not(testing::HasSubstr("secret")));
  EXPECT_EQ(ops::problem(reply)["status"], 500);
}

TEST(Replies, RequestsHaveThreeForms) {
  EXPECT_EQ(ops::parse_form(atom("list"))->operation, "list");
  EXPECT_EQ(ops::parse_form(tuple(atom("list")))->operation, "list");
  EXPECT_EQ(ops::parse_form(tuple(atom("list"), 7))->args, etf::Term(7));
  EXPECT_FALSE(ops::parse_form(tuple(binary("list"), 7)));
  EXPECT_FALSE(ops::parse_form(tuple(atom("a"), 7, 8)));
  EXPECT_FALSE(ops::parse_form(7));
}

TEST(Operation, AnImmediateOneAnswersWithAndWithoutACoroutine) {
  ops::Caller admin{"x", ops::Role::admin, {}, {}}, viewer{"x", ops::Role::viewer, {}, {}};
  ops::Row row{"muster", "twice", {}, ops::Role::operator_, "Doubles"};
  auto twice = ops::immediate_operation<std::int64_t, std::int64_t>(
      row, [](std::int64_t value, const ops::Caller&) -> Result<std::int64_t> {
        if (value < 0) return Error(Errc::conflict, "negative");
        return 2 * value;
      });
  ASSERT_TRUE(twice.is_immediate());
  EXPECT_EQ(*twice.call_now(21, admin), etf::Term(42));
  EXPECT_EQ(twice.call_now(-1, admin).error().errc(), Errc::conflict);
  EXPECT_EQ(twice.call_now(etf::atom("x"), admin).error().errc(), Errc::bad_request);
  EXPECT_EQ(twice.call_now(21, viewer).error().errc(), Errc::forbidden);
}

TEST(Builtin, OperationsAnswer) {
  asio::io_context io;
  SystemClock clock;
  ops::EventBus bus(io.get_executor(), clock);
  ops::Table table;
  table.add(ops::builtin(table, bus));
  ops::Caller viewer{"x", ops::Role::viewer, {}, {}};
  auto echo = finish(table.find("muster", "echo")->call(tuple(1, binary("x")), viewer));
  EXPECT_EQ(*echo, tuple(1, binary("x")));
  auto help = finish(table.find("muster", "help")->call(etf::Term(), viewer));
  EXPECT_EQ(help->get_if<etf::List>()->elements.size(), table.all().size());
  EXPECT_TRUE(finish(table.find("muster", "openapi")->call(json::object(), viewer)));
}

}  // namespace
}  // namespace muster::sample
