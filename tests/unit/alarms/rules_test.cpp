#include "rule_engine.h"

namespace muster::alarms {
namespace {

std::string refused(Rule rule, bool knows_metrics = true) {
  auto ready = make_ready(std::move(rule), [&](const std::string&) { return knows_metrics; });
  return ready ? "" : ready.error().field;
}

TEST(Rules, AreCheckedWhenTheyAreMade) {
  auto good = threshold("t", {{Severity::minor, 70, 60}});
  EXPECT_EQ(refused(good), "");
  EXPECT_EQ(refused(good, false), "/metric");
  auto rule = good;
  rule.levels[0].clear = 80;
  EXPECT_EQ(refused(rule), "/levels/0/clear");
  rule.direction = Direction::below;
  EXPECT_EQ(refused(rule), "");
  rule = good;
  rule.levels.push_back({Severity::major, 65, 60});
  EXPECT_EQ(refused(rule), "/levels/1/raise");
  rule.levels[1] = {Severity::minor, 90, 80};
  EXPECT_EQ(refused(rule), "/levels/1/severity");
  rule = good;
  rule.levels[0].raise.reset();
  EXPECT_EQ(refused(rule), "/levels/0/raise");
  rule = good;
  rule.id = "Über";
  EXPECT_EQ(refused(rule), "/id");
  rule = good;
  rule.nodes.resize(1001, "n@h");
  EXPECT_EQ(refused(rule), "/nodes");
  std::swap(rule.nodes, rule.families);
  EXPECT_EQ(refused(rule), "/families");
  rule = good;
  rule.nodes.assign(300, std::string(255, 'n'));
  EXPECT_EQ(refused(rule), "/nodes") << "each rule is kept, and shown";
  rule = good;
  rule.tags.assign(21, "t");
  EXPECT_EQ(refused(rule), "/tags") << "each alarm has them";
  rule.tags.assign(1, std::string(3000, 't'));
  EXPECT_EQ(refused(rule), "/tags");
  Rule log;
  log.id = "l";
  log.kind = RuleKind::notification;
  log.levels = {{Severity::minor, std::nullopt, std::nullopt}};
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = "(";
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = std::string(5000, 'a');
  EXPECT_EQ(refused(log), "/pattern");
  log.pattern = "((a{100}){100}){100}";
  EXPECT_EQ(refused(log), "/pattern") << "too large when compiled";
  log.pattern = "(?:(?:.{30}){30}a)c";  // 112 ms for the longest text
  EXPECT_EQ(refused(log), "/pattern") << "others would wait for it";
}

}  // namespace
}  // namespace muster::alarms
