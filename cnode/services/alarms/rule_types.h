#pragma once

#include "services/alarms/rule.h"

/// What the operations on rules take.
namespace muster::alarms {

struct AddRule {
  std::string id;
  std::optional<std::string> description, probable_cause, proposed_repair_action;
  std::vector<std::string> tags, nodes, families;
  std::optional<Severity> severity;
  std::optional<double> raise, clear;
  std::vector<Level> levels;
  std::optional<std::uint32_t> hold, window, count, quiet;
  std::optional<std::string> metric, percent_of, label;
  std::optional<double> scale, at_least;
  std::optional<Direction> direction;
  std::optional<Measure> measure;
  std::optional<std::string> pattern, log_source, log_kind, log_severity;

  static constexpr ops::Alias aliases[] = {{"name", "id"},
                                           {"raise_level", "raise"},
                                           {"cease_level", "clear"},
                                           {"percentage_base", "percent_of"},
                                           {"regexp", "pattern"}};
  static constexpr ops::Doc docs[] = {
      {"id", "the alarm's condition: a-z, 0-9, '_', '-', '.'"},
      {"severity", "minor when absent"},
      {"raise", "beyond this it is raised; in percent where percent_of is given"},
      {"clear", "back within this it is over; `raise` when absent"},
      {"levels",
       "several severities, the least first: [{severity, raise, clear}]; instead of "
       "severity, raise and clear"},
      {"hold", "seconds for which it must hold"},
      {"metric", "a metric's name, or folsom.NAME, exometer.NAME, telemetry.NAME"},
      {"percent_of", "another metric"},
      {"label", "only this one of a metric with labels"},
      {"direction", "above (when absent) or below"},
      {"measure",
       "value, per_minute (told over at least `window` seconds, 20), growth or "
       "growth_percent over `window` seconds (60)"},
      {"at_least", "not while the metric (or what it is in percent of) is smaller"},
      {"pattern", "regular expression on notifications (RE2 syntax)"},
      {"log_severity", "this and worse: error, warning, …"},
      {"count", "how many notifications within `window` seconds (60)"},
      {"quiet", "seconds without another notification after which it is over (300)"},
      {"nodes", "only these: ids or names"},
      {"families", "only these: ids or names"}};
};
BOOST_DESCRIBE_STRUCT(AddRule, (),
                      (id, description, probable_cause, proposed_repair_action, tags, nodes,
                       families, severity, raise, clear, levels, hold, window, count, quiet, metric,
                       percent_of, label, scale, at_least, direction, measure, pattern, log_source,
                       log_kind, log_severity))

struct ListRules : ops::PageRequest {
  std::optional<Source> source;
  static constexpr ops::Doc docs[] = {{"source", "builtin or user"}};
};
BOOST_DESCRIBE_STRUCT(ListRules, (ops::PageRequest), (source))

struct RuleById {
  std::string id;
  static constexpr ops::Alias aliases[] = {{"name", "id"}};
};
BOOST_DESCRIBE_STRUCT(RuleById, (), (id))

/// A user's wish as a rule. Error: bad_request where it looks at a metric and at notifications, or
/// at neither.
Result<Rule> rule_of(AddRule request);
/// The field of an error of make_ready as the request has it.
Error as_requested(Error error, bool has_levels);

}  // namespace muster::alarms
