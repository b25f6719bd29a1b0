#include "services/alarms/reports.h"

#include <fmt/format.h>

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <cmath>

#include "base/clean_text.h"
#include "services/alarms/node_text.h"

namespace muster::alarms {

namespace {

std::string rounded(double number) {
  return number == std::floor(number) && std::abs(number) < 1e15 ? fmt::format("{:.0f}", number)
                                                                 : fmt::format("{:.4g}", number);
}

std::string_view unit_of(const Rule& rule) {
  switch (rule.measure) {
    case Measure::per_minute:
      return rule.percent_of ? " %" : " per minute";
    case Measure::growth_percent:
      return " %";
    default:
      return rule.percent_of ? " %" : "";
  }
}

std::string describe(const Finding& finding) {
  auto& rule = finding.rule;
  auto text = rule.description;
  if (rule.kind != RuleKind::metric && !rule.value) return text;
  auto& level = rule.levels[finding.level - 1];
  auto what = rule.metric ? *rule.metric : *rule.value;
  if (!finding.instance.empty()) what += " of " + finding.instance;
  text += fmt::format(": {} is {}{}", what, rounded(finding.value), unit_of(rule));
  if (rule.percent_of) text += " of " + *rule.percent_of;
  text += fmt::format(" ({} {})", rule.direction == Direction::above ? "above" : "below",
                      rounded(*level.raise));
  return text;
}

std::optional<Threshold> threshold_of(const Finding& finding) {
  auto& rule = finding.rule;
  auto& level = rule.levels[finding.level - 1];
  if (!level.raise) return std::nullopt;
  Threshold threshold;
  threshold.metric = rule.metric ? *rule.metric : rule.check.value_or(rule.id);
  threshold.percent_of = rule.percent_of;
  threshold.value = finding.value;
  threshold.raise = *level.raise;
  threshold.clear = level.clear.value_or(*level.raise);
  return threshold;
}

std::string text_member(const etf::Map& map, std::string_view key) {
  auto* found = map.find(key);
  std::string text;
  if (!found || found->is_atom("undefined") || !found->text(text)) return {};
  return clean_text(text, 4096, Lines::kept);
}

notifications::Severity as_notification(const AlarmEvent& event) {
  if (event.action == Action::cleared) return notifications::Severity::notice;
  switch (event.alarm.severity) {
    case Severity::critical:
      return notifications::Severity::critical;
    case Severity::major:
      return notifications::Severity::error;
    default:
      return notifications::Severity::warning;
  }
}

}  // namespace

Report report_of(const Finding& finding) {
  auto& rule = finding.rule;
  Report report;
  report.subject = finding.subject;
  report.condition = rule.id;
  report.instance = finding.instance;
  report.source = rule.source;
  report.severity = rule.levels[finding.level - 1].severity;
  report.description = describe(finding);
  report.probable_cause = rule.probable_cause;
  report.proposed_repair_action = rule.proposed_repair_action;
  report.tags = rule.tags;
  if (finding.evidence) report.evidence = bounded_evidence(*finding.evidence);
  report.threshold = threshold_of(finding);
  return report;
}

Report report_of(const Subject& node, const PassedOn& known, const Rule* rule,
                 const etf::Map& alarm, ops::json::value evidence) {
  Report report;
  report.subject = node;
  report.source = known.source;
  report.condition = known.condition;
  report.instance = known.instance;
  if (rule) {
    report.severity = rule->levels[0].severity;
    report.description = rule->description;
    report.probable_cause = rule->probable_cause;
    report.proposed_repair_action = rule->proposed_repair_action;
    report.tags = rule->tags;
  }
  if (known.source == Source::elarm) {
    boost::describe::enum_from_string(text_member(alarm, "severity").c_str(), report.severity);
    if (auto cause = text_member(alarm, "probable_cause"); !cause.empty())
      report.probable_cause = std::move(cause);
    if (auto action = text_member(alarm, "proposed_repair_action"); !action.empty())
      report.proposed_repair_action = std::move(action);
  }
  if (auto said = text_member(alarm, "description"); !said.empty()) report.description = said;
  report.evidence = std::move(evidence);
  return report;
}

notifications::Entry entry_of(const AlarmEvent& event) {
  auto& alarm = event.alarm;
  bool is_over = event.action == Action::cleared;
  notifications::Entry entry;
  entry.severity = as_notification(event);
  entry.source = "muster";
  entry.kind = is_over ? "alarm_cleared" : "alarm_raised";
  if (alarm.node) entry.node = alarm.node->text;
  entry.text = fmt::format(
      "alarm {}{}{} {}: {}", alarm.condition, alarm.instance.empty() ? "" : " of ", alarm.instance,
      is_over ? "is over" : boost::describe::enum_to_string(alarm.severity, ""),
      is_over ? alarm.history.back().text.value_or("") : alarm.description);
  return entry;
}

}  // namespace muster::alarms
