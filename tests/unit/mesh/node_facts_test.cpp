#include "mesh/node_facts.h"

#include <gtest/gtest.h>

#include "etf/encode.h"

namespace muster::mesh {
namespace {

using etf::binary;
using etf::CharList;
using etf::list;
using etf::Term;
using etf::tuple;

Term chars(std::string text) {
  return CharList{std::move(text)};
}

Term answer() {
  return list(chars("25"), chars("13.1.5"), chars("x86_64-pc-linux-gnu"), Term(-576460752000000000),
              Term(2371688105929340150), 1000000000, tuple(chars("riak"), chars("1.4.0")));
}

TEST(NodeFacts, AreReadFromOneAnswer) {
  auto facts = parse_facts(answer(), 77);
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->otp_release, "25");
  EXPECT_EQ(facts->erts_version, "13.1.5");
  EXPECT_EQ(facts->architecture, "x86_64-pc-linux-gnu");
  EXPECT_EQ(facts->script_name, "riak");
  EXPECT_EQ(facts->script_version, "1.4.0");
  EXPECT_EQ(facts->creation, 77u);
  EXPECT_EQ(facts->started_at.time_since_epoch().count(), 1795227353929);
}

TEST(NodeFacts, RefuseAnAnswerThatIsNotOne) {
  for (auto& odd :
       {Term(), Term(1), list(1, 2, 3, 4, 5, 6, 7),
        list(chars("25"), chars("13"), chars("x"), 1, 1, 0, tuple(chars("a"), chars("b")))}) {
    auto facts = parse_facts(odd, 1);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().errc(), Errc::internal);
  }
}

Term said(Term otp_release, Term script) {
  return list(std::move(otp_release), chars("13.1.5"), chars("x86_64-pc-linux-gnu"),
              Term(-576460752000000000), Term(2371688105929340150), 1000000000, std::move(script));
}

/// They made every list of nodes and families invalid JSON, for everybody.
TEST(NodeFacts, InBytesThatAreNoTextAreCleaned) {
  auto facts =
      parse_facts(said(binary("25\n\x1b[31m"), tuple(binary("\xff\xfe"), binary("\x9b"))), 1);
  ASSERT_TRUE(facts) << facts.error().text();
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(facts->otp_release, "25 " + mark + "[31m");
  EXPECT_EQ(facts->script_name, mark + mark);
  EXPECT_EQ(facts->script_version, mark);
}

TEST(NodeFacts, OfTwentyMegabytesAreCut) {
  std::string much(20'000'000, 'x');
  auto facts = parse_facts(said(binary(much), tuple(binary(much), binary(much))), 1);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->otp_release.size(), 64u);
  EXPECT_EQ(facts->script_name.size(), 200u);
  EXPECT_EQ(facts->script_version.size(), 64u);
}

TEST(NodeFacts, WithAStartOutsideOfTimeAreOdd) {
  for (auto [start, unit] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {INT64_MAX, 1}, {INT64_MIN, 1}, {1'200'000'000'000, 1}, {-86'400, 1}, {0, -1}}) {
    auto facts = parse_facts(list(chars("25"), chars("13"), chars("x"), Term(start),
                                  Term(INT64_MAX / 4), Term(unit), tuple(chars("a"), chars("b"))),
                             1);
    EXPECT_FALSE(facts) << start;
  }
  auto wrong_clock = parse_facts(
      list(chars("25"), chars("13"), chars("x"), 0, 0, 1000, tuple(chars("a"), chars("b"))), 1);
  EXPECT_TRUE(wrong_clock) << "a clock that begins in 1970 is a clock";
}

TEST(NodeFacts, AreAskedForWithOneCallOfStockFunctions) {
  auto arguments = std::move(facts_calls()).arguments();
  ASSERT_EQ(arguments.size(), 4u);
  // fun erlang:apply/3, as a node writes it (EXPORT_EXT)
  std::string fun;
  etf::encode(arguments[0], fun);
  EXPECT_EQ(fun, std::string("\x71"
                             "w\6erlang"
                             "w\5apply"
                             "a\3"));
  EXPECT_EQ(arguments[1].get_if<etf::List>()->elements.size(), 7u);
}

}  // namespace
}  // namespace muster::mesh
