#include "services/topology/discovery.h"

#include <gtest/gtest.h>

#include "services/topology/explorer.h"

namespace muster::topology {
namespace {

using etf::atom;
using etf::CharList;
using etf::list;
using etf::Term;
using etf::tuple;

Term chars(std::string text) {
  return CharList{std::move(text)};
}

std::string names(const std::vector<Discovery::Found>& level) {
  std::string text;
  for (auto& found : level) text += found.name + "<" + found.seen_from + " ";
  return text;
}

TEST(Discovery, WalksLevelByLevelAndSeesEachNodeOnce) {
  Discovery discovery("a@h", 100);
  EXPECT_EQ(names(discovery.take_level()), "a@h< ");
  EXPECT_TRUE(discovery.answered("a@h", {{"b@h", "c@h"}}));
  EXPECT_EQ(names(discovery.take_level()), "b@h<a@h c@h<a@h ");
  discovery.answered("b@h", {{"a@h", "c@h", "d@h"}});
  discovery.answered("c@h", {{"a@h", "b@h"}});
  EXPECT_EQ(names(discovery.take_level()), "d@h<b@h ");
  discovery.answered("d@h", {{"b@h"}});
  EXPECT_TRUE(discovery.take_level().empty());
}

TEST(Discovery, LeavesOutRemoteShellsAndDynamicNames) {
  Discovery discovery("a@h", 100);
  discovery.take_level();
  EXPECT_FALSE(discovery.answered("a@h", {{"b@h"}, true, false}));
  EXPECT_FALSE(discovery.answered("a@h", {{"b@h"}, false, true}));
  EXPECT_TRUE(discovery.take_level().empty());
}

TEST(Discovery, NamesOfTheNextLevelMayComeWhileThisOneIsAsked) {
  Discovery discovery("a@h", 100);
  discovery.take_level();
  discovery.answered("a@h", {{"b@h", "c@h"}});
  auto level = discovery.take_level();
  discovery.answered("c@h", {{"d@h", "b@h"}});
  discovery.answered("b@h", {{"d@h", "e@h"}});
  EXPECT_EQ(names(discovery.take_level()), "d@h<c@h e@h<b@h ");
}

TEST(Discovery, StopsAtItsLimitOfNodesThatNobodyKnew) {
  Discovery discovery("a@h", 2, [](const std::string& name) { return name == "d@h"; });
  discovery.take_level();
  discovery.answered("a@h", {{"b@h", "c@h", "d@h", "e@h"}});
  EXPECT_EQ(names(discovery.take_level()), "b@h<a@h c@h<a@h d@h<a@h ");
  EXPECT_EQ(discovery.left_out(), 1u);
}

/// They were dialled, and stood in the answer.
TEST(Discovery, LeavesOutWhatIsNoNameOfANode) {
  Discovery discovery("a@h", 100);
  discovery.take_level();
  discovery.answered("a@h", {{"b", "b@h\n", "\x1b@h", "@h", "b@", std::string(300, 'b') + "@h"}});
  EXPECT_TRUE(discovery.take_level().empty());
  EXPECT_EQ(discovery.left_out(), 6u);
}

TEST(Neighbours, AreReadFromNodesAndArguments) {
  auto plain = list(tuple(atom("root"), list(chars("/usr/lib/erlang"))),
                    tuple(atom("sname"), list(chars("a"))));
  auto got = parse_neighbours(list(list(atom("b@h")), plain));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->visible, std::vector<std::string>{"b@h"});
  EXPECT_FALSE(got->is_remote_shell || got->is_dynamic);

  auto shell = list(tuple(atom("remsh"), list(chars("a@h"))));
  EXPECT_TRUE(parse_neighbours(list(Term(), shell))->is_remote_shell);
  auto dynamic = list(tuple(atom("name"), list(chars("undefined"))));
  EXPECT_TRUE(parse_neighbours(list(Term(), dynamic))->is_dynamic);
  EXPECT_FALSE(parse_neighbours(atom("error")));
}

TEST(NodeName, IsAliveAtHost) {
  for (auto* good : {"a@h", "riak-1_x@db1.example.org", "98cc7af6-20ce@10.0.0.7", "n@::1"})
    EXPECT_TRUE(check_node_name(good)) << good;
  for (auto* bad : {"", "a", "@h", "a@", "a b@h", "a@h h", "a@h;rm", "a'@h", "\xc3\xa4@h"})
    EXPECT_FALSE(check_node_name(bad)) << bad;
}

}  // namespace
}  // namespace muster::topology
