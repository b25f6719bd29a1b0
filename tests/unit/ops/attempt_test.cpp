#include "ops/attempt.h"

#include <gtest/gtest.h>

#include "ops/table.h"
#include "tests/unit/support/loop.h"

namespace muster::ops {
namespace {

struct Change {
  std::string name;
  std::vector<std::string> nodes;
  std::optional<Secret> cookie;
  std::optional<std::string> comment;
  std::optional<Role> role;
  std::vector<etf::Term> args;
};
BOOST_DESCRIBE_STRUCT(Change, (), (name, nodes, cookie, comment, role, args))

class AttemptTest : public testing::Test {
 protected:
  AttemptTest() {
    table_.set_audit([this](Attempt attempt) { heard_.push_back(std::move(attempt)); });
    add("change", "POST");
    add("look", "GET");
    add("echo", "POST", true);
    caller_.name = "token:ann";
    caller_.role = Role::operator_;
    caller_.address = "10.0.0.9";
  }
  void add(std::string name, std::string verb, bool is_query = false) {
    Row row{"s", name, {verb, "/" + name}, Role::operator_, "…"};
    row.is_query = is_query;
    auto handler = [](Change change, Caller) -> Result<Empty> {
      if (change.name == "wrong") return Error(Errc::not_found, "no");
      if (change.name == "broken") return Error(Errc::unavailable, "no");
      return Empty{};
    };
    table_.add(immediate_operation<Change, Empty>(std::move(row), handler));
  }
  void call(std::string name, json::value args) {
    std::ignore = test::finish(io_, table_.find("s", name)->call(std::move(args), caller_));
  }

  asio::io_context io_;
  Table table_;
  Caller caller_;
  std::vector<Attempt> heard_;
};

TEST_F(AttemptTest, AChangeIsToldWithWhoWhatWhereAndHowItEnded) {
  call("change", {{"name", "a"}});
  ASSERT_EQ(heard_.size(), 1u);
  auto& told = heard_[0];
  EXPECT_EQ(told.operation, "s.change");
  EXPECT_EQ(told.caller, "token:ann");
  EXPECT_EQ(told.from, "10.0.0.9");
  EXPECT_EQ(told.role, Role::operator_);
  EXPECT_EQ(told.about, "name=a arity=0");
  EXPECT_EQ(told.outcome, Outcome::ok);
  call("change", {{"name", "wrong"}});
  EXPECT_EQ(heard_[1].outcome, Outcome::refused);
  EXPECT_EQ(heard_[1].code, "not_found");
  call("change", {{"name", "broken"}});
  EXPECT_EQ(heard_[2].outcome, Outcome::failed);
  auto term = etf::Map{{{etf::atom("name"), etf::binary("b")}}};
  ASSERT_TRUE(table_.find("s", "change")->call_now(term, caller_));
  EXPECT_EQ(heard_[3].about, "name=b arity=0");
}

TEST_F(AttemptTest, SecretsAndFreeTextAreNotToldNorWhatCouldForgeAnEntry) {
  call("change", {{"name", "a\n\x1b[31mb"},
                  {"nodes", {"x@h", "y@h"}},
                  {"cookie", "hush-hush"},
                  {"comment", "hush-hush"},
                  {"role", "viewer"},
                  {"args", {"hush-hush", 2}}});
  EXPECT_EQ(heard_.at(0).about, "name=a \xef\xbf\xbd[31mb nodes=x@h,y@h role=viewer arity=2");
  call("change", {{"name", std::string(100'000, 'x')}});
  EXPECT_LE(heard_.at(1).about.size(), 200u);
}

TEST_F(AttemptTest, ReadingIsNotToldUnlessItIsForbidden) {
  call("look", {{"name", "a"}});
  call("echo", {{"name", "a"}});
  call("look", {{"nothing", "a"}});
  EXPECT_TRUE(heard_.empty());
  caller_.role = Role::viewer;
  call("look", {{"name", "a"}});
  call("change", {{"name", "a"}});
  ASSERT_EQ(heard_.size(), 2u);
  EXPECT_EQ(heard_[0].code, "forbidden");
  EXPECT_EQ(heard_[1].code, "forbidden");
}

TEST_F(AttemptTest, AChangeThatCannotBeReadIsToldAsRefused) {
  call("change", {{"nothing", "hush-hush"}});
  ASSERT_EQ(heard_.size(), 1u);
  EXPECT_EQ(heard_[0].code, "bad_request");
  EXPECT_EQ(heard_[0].about, "");
}

// A map of 700,000 keys was walked once for each member.
TEST_F(AttemptTest, OfARequestWithoutEndTheBeginningIsTold) {
  etf::Map term;
  term.pairs.push_back({etf::atom("name"), etf::binary("b")});
  for (std::int64_t i = 0; i < 1000; ++i)
    term.pairs.push_back({etf::atom("k" + std::to_string(i)), i});
  term.pairs.push_back({etf::atom("role"), etf::binary("admin")});
  EXPECT_FALSE(table_.find("s", "change")->call_now(term, caller_));
  EXPECT_EQ(heard_.at(0).about, "name=b");
}

/// A refused call was told without what it was about.
TEST_F(AttemptTest, WhatIsRefusedIsToldWithWhatItIsAboutToo) {
  json::object evil{{"name", "a\n\x1b[31mb"},       {"nodes", {"x@h", "y@h"}},
                    {"cookie", "hush-hush"},        {"args", {"hush-hush", 2}},
                    {"comment", {{"not", "text"}}}, {"role", "nonsense"}};
  const auto plain = "name=a \xef\xbf\xbd[31mb nodes=x@h,y@h role=nonsense arity=2";
  call("change", evil);
  EXPECT_EQ(heard_.at(0).code, "bad_request");
  EXPECT_EQ(heard_.at(0).about, plain);
  caller_.role = Role::none;
  call("look", evil);
  EXPECT_EQ(heard_.at(1).code, "forbidden");
  EXPECT_EQ(heard_.at(1).about, plain);
  auto term = etf::Map{{{etf::atom("name"), etf::binary("b")},
                        {etf::atom("nodes"), etf::list(etf::atom("x@h"), etf::binary("y@h"))},
                        {etf::atom("cookie"), etf::binary("hush-hush")}}};
  EXPECT_FALSE(table_.find("s", "change")->call_now(term, caller_));
  EXPECT_EQ(heard_.at(2).about, "name=b nodes=x@h,y@h");
  caller_.role = Role::operator_;
  term.pairs.push_back({etf::atom("nothing"), etf::binary("hush-hush")});
  EXPECT_FALSE(table_.find("s", "change")->call_now(term, caller_));
  EXPECT_EQ(heard_.at(3).about, "name=b nodes=x@h,y@h") << "reading it took nothing away";
  call("look", {{"nothing", 1}});
  call("change", {{"name", json::array(100'000, "")}, {"nodes", std::string(100'000, 'x')}});
  EXPECT_LE(heard_.at(4).about.size(), 300u);
}

}  // namespace
}  // namespace muster::ops
