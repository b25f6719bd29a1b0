#include "services/alarms/tuning.h"

#include <fmt/format.h>

#include "services/alarms/sample_reader.h"

namespace muster::alarms {

namespace {

/// "/levels/1/raise" is "raise".
std::string_view last_part(std::string_view field) {
  return field.substr(field.rfind('/') + 1);
}

Error wrong(const std::string& id, std::string_view field, std::string_view text) {
  auto path = fmt::format("alarms.{}{}{}", id, field.empty() ? "" : ".", field);
  return Error(Errc::bad_request, fmt::format("{}: {}", path, text), path);
}

Result<> set_levels(Rule& rule, const std::vector<double>& values, const char* field,
                    std::optional<double> Level::*member) {
  if (values.empty()) return {};
  if (!rule.levels[0].raise) return wrong(rule.id, field, "this rule has no threshold");
  if (values.size() != rule.levels.size())
    return wrong(
        rule.id, field,
        fmt::format(
            "{} wanted, one for each level",
            rule.levels.size() == 1 ? "a number" : fmt::format("{} numbers", rule.levels.size())));
  for (std::size_t i = 0; i < values.size(); ++i) rule.levels[i].*member = values[i];
  return {};
}

bool has_window(const Rule& rule) {
  return rule.kind == RuleKind::notification || rule.measure != Measure::value;
}

Result<> tune(Rule& rule, const Tuning& tuning) {
  if (tuning.enabled) rule.enabled = *tuning.enabled;
  TRYV(set_levels(rule, tuning.raise, "raise", &Level::raise));
  TRYV(set_levels(rule, tuning.clear, "clear", &Level::clear));
  if (tuning.hold) {
    if (rule.kind == RuleKind::passed_on || rule.kind == RuleKind::notification)
      return wrong(rule.id, "hold", "this rule does not wait");
    rule.hold = *tuning.hold;
  }
  if (tuning.window) {
    if (!has_window(rule)) return wrong(rule.id, "window", "this rule looks at no span of time");
    rule.window = *tuning.window;
  }
  if (tuning.quiet) {
    if (!rule.quiet) return wrong(rule.id, "quiet", "this rule does not end by silence");
    rule.quiet = *tuning.quiet;
  }
  if (auto ready = make_ready(rule, &SampleReader::is_metric); !ready)
    return wrong(rule.id, last_part(ready.error().field), ready.error().message);
  return {};
}

}  // namespace

Result<std::vector<Rule>> tuned_rules(const Tunings& tunings) {
  auto rules = builtin_rules();
  for (auto& [id, tuning] : tunings) {
    auto rule =
        std::find_if(rules.begin(), rules.end(), [&id = id](auto& one) { return one.id == id; });
    if (rule == rules.end()) return wrong(id, "", "no built-in rule has this name");
    TRYV(tune(*rule, tuning));
  }
  return rules;
}

}  // namespace muster::alarms
