#include "services/alarms/pattern_search.h"

#include <gtest/gtest.h>

namespace muster::alarms {
namespace {

using namespace std::chrono_literals;

RuleEngine::RulePtr ready(std::string pattern, std::vector<std::string> nodes = {}) {
  Rule rule;
  rule.id = "r";
  rule.kind = RuleKind::notification;
  rule.levels = {{Severity::major, std::nullopt, std::nullopt}};
  rule.pattern = std::move(pattern);
  rule.log_kind = "report";
  rule.nodes = std::move(nodes);
  return std::make_shared<const ReadyRule>(
      *make_ready(std::move(rule), [](const std::string&) { return true; }));
}

PatternSearch::Heard heard(const std::string& node, std::string_view text) {
  PatternSearch::Heard one;
  one.node = {Scope::node, node, node + "@h", {}, {}};
  one.line.text = text;
  one.line.kind = "report";
  return one;
}

/// A hard pattern takes milliseconds for it.
std::string long_text() {
  std::string text;
  for (int i = 0; i < 8000; ++i) text += "ab"[std::rand() % 2];
  return text;
}

TEST(PatternSearch, FindsTheRulesOfEachLineAndLeavesOutWhatItHasNoTimeFor) {
  PatternSearch::Rules rules{ready("a"), ready("b")};
  std::vector all{heard("n", "ab"), heard("n", "b"), heard("n", "ab")};
  all[2].line.kind = "crash";
  auto found = PatternSearch::search(rules, all);
  EXPECT_EQ(found.in[0], rules);
  EXPECT_EQ(found.in[1], PatternSearch::Rules{rules[1]});
  EXPECT_TRUE(found.in[2].empty()) << "another kind";
  EXPECT_EQ(found.left_out, 0u);
  found = PatternSearch::search(rules, all, 0s);
  EXPECT_EQ(found.left_out, 2u) << "of the third nothing was wanted";
}

TEST(PatternSearch, LooksOnlyAtNodesThatTheRuleCovers) {
  PatternSearch::Rules rules{ready("a", {"n@h"})};
  std::vector all{heard("other", "a"), heard("n", "a")};
  auto found = PatternSearch::search(rules, all);
  EXPECT_TRUE(found.in[0].empty());
  EXPECT_EQ(found.in[1], rules);
  EXPECT_EQ(PatternSearch::search(rules, all, 0s).left_out, 1u);
}

// What a node said before it took all of a rule's time, and that of the rules after it.
TEST(PatternSearch, ANodeThatSaysMuchTakesNoTimeFromOthers) {
  auto text = long_text();
  PatternSearch::Rules rules{ready("a[ab]{400}c"), ready("rare")};
  std::vector<PatternSearch::Heard> all(20'000, heard("loud", text));
  auto quiet = text + "a" + std::string(400, 'b') + "c, which is rare";
  all.push_back(heard("quiet", quiet));
  auto found = PatternSearch::search(rules, all, 2s);
  EXPECT_EQ(found.in.back().size(), 2u);
  EXPECT_GT(found.left_out, 0u);
}

// A rule that needed more than its share was left out while the rest of the second went unused.
TEST(PatternSearch, TimeThatOthersLeaveIsUsed) {
  PatternSearch::Rules rules(1000, ready("b"));
  rules.insert(rules.begin(), ready("a[ab]{400}c"));
  auto text = long_text();
  std::vector<PatternSearch::Heard> all(20, heard("n", text));
  EXPECT_EQ(PatternSearch::search(rules, all, 60s).left_out, 0u);
}

}  // namespace
}  // namespace muster::alarms
