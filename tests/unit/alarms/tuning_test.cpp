#include "services/alarms/tuning.h"

#include <gtest/gtest.h>

namespace muster::alarms {
namespace {

const Rule& find(const std::vector<Rule>& rules, const std::string& id) {
  return *std::find_if(rules.begin(), rules.end(), [&](auto& rule) { return rule.id == id; });
}

std::string wrong_field(const std::string& id, Tuning tuning) {
  auto rules = tuned_rules({{id, std::move(tuning)}});
  return rules ? "none" : rules.error().field;
}

TEST(Tuning, ChangesWhatIsGivenAndNothingElse) {
  Tuning limit, restarts, growth;
  limit.raise = {80, 95};
  limit.clear = {75, 90};
  limit.hold = 30;
  restarts.quiet = 60;
  growth.enabled = false;
  growth.window = 600;
  auto rules = tuned_rules(
      {{"process_limit", limit}, {"supervisor_restarts", restarts}, {"atom_growth", growth}});
  ASSERT_TRUE(rules) << rules.error().text();
  EXPECT_EQ(rules->size(), builtin_rules().size());
  auto& tuned = find(*rules, "process_limit");
  EXPECT_EQ(tuned.levels[1].raise, 95);
  EXPECT_EQ(tuned.levels[0].clear, 75);
  EXPECT_EQ(tuned.levels[0].severity, Severity::minor);
  EXPECT_EQ(tuned.hold, 30U);
  EXPECT_EQ(find(*rules, "supervisor_restarts").quiet, 60U);
  EXPECT_FALSE(find(*rules, "atom_growth").enabled);
  EXPECT_EQ(find(*rules, "port_limit").levels[0].raise, 70);
}

TEST(Tuning, IsRefusedNamingTheField) {
  Tuning one, clear_above, window, zero, quiet, hold;
  one.raise = {50};
  clear_above.raise = {10, 20};
  window.window = 5;
  zero.window = 0;
  quiet.quiet = 5;
  hold.hold = 5;
  EXPECT_EQ(wrong_field("no_such", {}), "alarms.no_such");
  EXPECT_EQ(wrong_field("process_limit", one), "alarms.process_limit.raise");
  EXPECT_EQ(wrong_field("process_limit", clear_above), "alarms.process_limit.clear");
  EXPECT_EQ(wrong_field("old_code", one), "alarms.old_code.raise");
  EXPECT_EQ(wrong_field("process_limit", window), "alarms.process_limit.window");
  EXPECT_EQ(wrong_field("atom_growth", zero), "alarms.atom_growth.window");
  EXPECT_EQ(wrong_field("process_limit", quiet), "alarms.process_limit.quiet");
  EXPECT_EQ(wrong_field("poolboy", hold), "alarms.poolboy.hold");
  EXPECT_EQ(wrong_field("cpu_overload", one), "alarms.cpu_overload.clear");
}

}  // namespace
}  // namespace muster::alarms
