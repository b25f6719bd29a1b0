#include "services/alarms/family_view.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "services/alarms/partitions.h"

namespace muster::alarms {
namespace {

using etf::atom;
using etf::binary;
using etf::Term;

Subject node(const std::string& name) {
  return {Scope::node, "id-" + name, name, "f1", "shop"};
}

Term map(std::vector<std::pair<std::string, Term>> pairs) {
  etf::Map map;
  for (auto& [key, value] : pairs) map.pairs.emplace_back(atom(key), value);
  return map;
}

Term peers(std::vector<std::string> names) {
  etf::List list;
  for (auto& name : names) list.elements.push_back(atom(name));
  return list;
}

std::vector<FamilyFinding> compare(FamilyView& view) {
  asio::io_context io;
  auto findings = asio::co_spawn(io, view.compare("f1"), asio::use_future);
  io.run();
  return findings.get();
}

/// The conditions that hold, and what they are about.
std::string held(FamilyView& view) {
  std::string text;
  for (auto& finding : compare(view)) {
    if (!finding.holds) continue;
    text += finding.condition;
    for (auto& [key, value] : finding.evidence->as_object())
      if (key != "pairs") text += " " + std::string(key);
    text += "\n";
  }
  return text;
}

TEST(FamilyView, IsComparedNodeByNode) {
  FamilyView view;
  for (auto* name : {"a@h", "b@h"}) {
    view.learn(node(name), "applications", map({{"kernel", binary("8.5")}, {"shop", binary("1")}}));
    view.learn(node(name), "modules", map({{"cart", 1}, {"lists", 2}}));
    view.learn(node(name), "config", map({{"shop", map({{"url", 7}})}}));
    view.learn(node(name), "timezone", 3600);
    view.learn(node(name), "code_mode", atom("embedded"));
  }
  EXPECT_EQ(view.take_changed(), std::set<std::string>{"f1"});
  EXPECT_TRUE(view.take_changed().empty());
  EXPECT_EQ(held(view), "");

  view.learn(node("b@h"), "applications", map({{"kernel", binary("8.6")}}));
  EXPECT_EQ(held(view), "different_application_versions kernel\nmissing_application shop\n");
  view.learn(node("b@h"), "applications", map({{"kernel", binary("8.5")}, {"shop", binary("1")}}));

  view.learn(node("b@h"), "modules", map({{"cart", 9}}));
  EXPECT_EQ(held(view), "different_module_versions cart\nmissing_module lists\n");
  view.learn(node("b@h"), "code_mode", atom("interactive"));
  EXPECT_EQ(held(view), "different_module_versions cart\n") << "it loads what it needs";
  view.learn(node("b@h"), "modules", map({{"cart", 1}}));

  view.learn(node("b@h"), "config", map({{"shop", map({{"url", 8}, {"new", 1}})}}));
  EXPECT_EQ(held(view), "inconsistent_global_config shop.url\nglobal_config_missing shop.new\n");
  view.learn(node("b@h"), "config", map({{"shop", map({{"url", 7}})}}));

  view.learn(node("b@h"), "timezone", 0);
  EXPECT_EQ(held(view), "different_timezones 0 s 3600 s\n");
  view.forget(node("b@h"));
  EXPECT_EQ(held(view), "") << "a node that is down is not compared";
}

TEST(NameTable, ANameGoesWithItsLastUse) {
  NameTable names;
  auto a = names.use("a"), again = names.use("a"), b = names.use("b");
  EXPECT_EQ(a, again);
  EXPECT_NE(a, b);
  names.let_go(*a);
  EXPECT_EQ(names.name(*a), "a");
  names.let_go(*a);
  EXPECT_EQ(names.name(*a), "");
  EXPECT_EQ(names.size(), 1u);
  EXPECT_EQ(names.use("c"), a) << "its number is free";
}

// One node filled the table of names for all families, and for ever.
TEST(FamilyView, WhatANodeInventsIsItsOwnAndGoesWithIt) {
  FamilyView view;
  auto invented = [](int from) {
    etf::Map map;
    for (int i = from; i < from + 30'000; ++i)
      map.pairs.emplace_back(atom("m" + std::to_string(i)), std::int64_t{1});
    return map;
  };
  auto liar = node("liar@h");
  liar.family_id = "f2";
  for (auto& one : {liar, node("its-brother@h")})
    for (int round = 0; round < 30; ++round) view.learn(one, "modules", invented(30'000 * round));
  auto all = [](const std::string& name) { return map({{"cart", 1}, {name, 2}}); };
  for (auto* name : {"a@h", "b@h"}) view.learn(node(name), "code_mode", atom("embedded"));
  view.learn(node("a@h"), "modules", all("one"));
  view.learn(node("b@h"), "modules", all("other"));
  EXPECT_EQ(held(view), "missing_module one other\n");
  view.forget(node("its-brother@h"));
  EXPECT_EQ(view.subject("f2").name, "shop");
  view.forget(liar);
  view.let_go_if_empty("f2");
  view.let_go_if_empty("f1");
  EXPECT_EQ(view.subject("f2").name, "f2") << "a family goes with its last node";
  EXPECT_EQ(view.subject("f1").name, "shop");
}

// 15 % of a large mesh with long names was cut, and missing.
TEST(FamilyView, OfAPartOfANodesPeersNothingFollows) {
  FamilyView view;
  view.learn(node("a@h"), "peers", peers({"b@h"}));
  view.learn(node("b@h"), "peers", peers({"a@h"}));
  std::vector<std::string> many;
  for (int i = 0; i < 20'001; ++i) many.push_back("n" + std::to_string(i) + "@h");
  view.learn(node("a@h"), "peers", peers(many));
  view.learn(node("b@h"), "peers", peers({}));
  EXPECT_EQ(held(view), "");
}

// Another name had the count of one that had gone while they were counted.
TEST(NameTable, GivesNoNumberToAnotherNameWhileTheyAreHeld) {
  NameTable names;
  auto first = names.use("first");
  {
    NameTable::Hold hold(names);
    names.let_go(*first);
    EXPECT_NE(names.use("second"), first);
    EXPECT_EQ(names.name(*first), "");
  }
  EXPECT_EQ(names.use("third"), first);
}

TEST(FamilyView, SeesAPartitionOfNodesThatWereConnected) {
  FamilyView view;
  view.learn(node("a@h"), "peers", peers({"b@h"}));
  view.learn(node("b@h"), "peers", peers({"a@h"}));
  EXPECT_EQ(held(view), "");
  view.learn(node("a@h"), "peers", peers({}));
  view.learn(node("b@h"), "peers", peers({}));
  EXPECT_EQ(held(view), "partial_partition count\n");
  view.forget(node("b@h"));
  view.learn(node("b@h"), "peers", peers({}));
  EXPECT_EQ(held(view), "") << "restarted, it need not connect";
}

TEST(FamilyView, SeesWhoIsMissingInAMesh) {
  FamilyView view;
  view.learn(node("a@h"), "peers", peers({"b@h", "c@h", "d@h"}));
  view.learn(node("b@h"), "peers", peers({"a@h", "c@h"}));
  view.learn(node("c@h"), "peers", peers({"a@h", "b@h", "d@h"}));
  view.learn(node("d@h"), "peers", peers({"a@h", "c@h"}));
  EXPECT_EQ(held(view), "partial_partition count\n");
  view.learn(node("b@h"), "peers", peers({"a@h", "c@h", "d@h"}));
  view.learn(node("d@h"), "peers", peers({"a@h", "b@h", "c@h"}));
  EXPECT_EQ(held(view), "");
}

TEST(FamilyView, SeesOneLinkMissingAmongHundredsOfNodes) {
  FamilyView view;
  std::vector<std::string> all;
  for (int i = 0; i < 400; ++i) all.push_back("n" + std::to_string(i) + "@h");
  for (auto& name : all) view.learn(node(name), "peers", peers(all));
  EXPECT_EQ(held(view), "");
  auto rest = all;
  rest.erase(rest.begin() + 7);
  view.learn(node("n3@h"), "peers", peers(rest));
  auto findings = compare(view);
  auto& partition = findings[0];
  ASSERT_TRUE(partition.holds);
  EXPECT_EQ(partition.evidence->at("count"), 1);
  auto& pair = partition.evidence->at("pairs").as_array()[0];
  EXPECT_EQ(pair.at("node"), "n3@h");
  EXPECT_EQ(pair.at("peer"), "n7@h");
  EXPECT_EQ(pair.at("node_sees_peer"), false);
  EXPECT_EQ(pair.at("peer_sees_node"), true);
  view.learn(node("n3@h"), "peers", peers(all));
  EXPECT_EQ(held(view), "");
}

TEST(Partitions, NamesThatNobodySeesAnyMoreMakeRoom) {
  Partitions partitions;
  for (int round = 0; round < 250; ++round) {
    std::vector<std::string> tools;
    for (int i = 0; i < 1000; ++i)
      tools.push_back("tool-" + std::to_string(round * 1000 + i) + "@h");
    partitions.learn("a@h", tools);
  }
  partitions.learn("b@h", {"a@h"});
  partitions.learn("a@h", {"b@h"});
  EXPECT_TRUE(partitions.find().empty());
  partitions.learn("a@h", {});
  auto found = partitions.find();
  ASSERT_TRUE(found.contains("pairs"));
  EXPECT_EQ(found.at("pairs").at(0).at("peer"), "b@h");
}

TEST(FamilyView, LeavesAStarAlone) {
  FamilyView view;
  view.learn(node("hub@h"), "peers", peers({"a@h", "b@h", "c@h"}));
  for (auto* name : {"a@h", "b@h", "c@h"}) view.learn(node(name), "peers", peers({"hub@h"}));
  EXPECT_EQ(held(view), "");
}

TEST(FamilyView, SaysWhichApplicationsAreGone) {
  FamilyView view;
  view.learn(node("a@h"), "applications", map({{"kernel", binary("8")}, {"shop", binary("1")}}));
  auto gone = view.learn(node("a@h"), "applications", map({{"kernel", binary("8")}}));
  EXPECT_EQ(gone, std::vector<std::string>{"shop"});
}

TEST(FamilyView, DoesNotCompareWhatIsNoRelease) {
  FamilyView view;
  for (auto* name : {"a@h", "b@h"}) {
    auto plain = node(name);
    plain.family = "Erlang/OTP 25";
    view.learn(plain, "applications", map({{name, binary("1")}}));
  }
  EXPECT_EQ(held(view), "");
}

TEST(FamilyView, TakesOddAnswersCalmly) {
  FamilyView view;
  for (auto* check : {"applications", "modules", "config", "timezone", "peers", "code_mode"})
    for (auto& odd : {Term(), atom("odd"), Term(1), map({{"a", atom("b")}}), binary("\xff")})
      view.learn(node("a@h"), check, odd);
  EXPECT_EQ(held(view), "");
}

}  // namespace
}  // namespace muster::alarms
