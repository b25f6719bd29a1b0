#pragma once

#include <functional>
#include <memory>

#include "services/alarms/alarm.h"

namespace re2 {
class RE2;
}

namespace muster::alarms {

/// What a rule looks at: a metric, notifications, what the agent `alarms` found (`check`) or handed
/// on (`passed_on`), an event of the topology, the nodes of a family beside each other.
enum class RuleKind { metric, notification, check, passed_on, event, family };
BOOST_DESCRIBE_ENUM(RuleKind, metric, notification, check, passed_on, event, family)

enum class Direction { above, below };
BOOST_DESCRIBE_ENUM(Direction, above, below)

/// What of a metric is compared: its value, how much a counter grows per minute, or by how much it
/// has grown over the rule's window (`growth_percent`: of what it was then).
enum class Measure { value, per_minute, growth, growth_percent };
BOOST_DESCRIBE_ENUM(Measure, value, per_minute, growth, growth_percent)

/// From where on an alarm has this severity, and where that is over. Absent where the condition is
/// a yes or no.
struct Level {
  Severity severity = Severity::minor;
  std::optional<double> raise, clear;
};
BOOST_DESCRIBE_STRUCT(Level, (), (severity, raise, clear))

/// A rule as data: a row of schemas/alarms.json, or what a user asked for.
struct Rule {
  std::string id;
  RuleKind kind = RuleKind::metric;
  Source source = Source::builtin;
  std::string description, probable_cause, proposed_repair_action;
  std::vector<std::string> tags;
  std::vector<Level> levels;  ///< growing severity
  bool enabled = true;        ///< a built-in one can be turned off by configuration
  std::uint32_t hold = 0;     ///< seconds for which the condition must hold

  std::optional<std::string> metric, percent_of;
  std::optional<double> scale;       ///< `percent_of` is multiplied by it first: other units
  std::optional<double> at_least;    ///< not where it (or what it is in percent of) is smaller
  std::optional<std::string> label;  ///< only this one of a metric that has many
  Direction direction = Direction::above;
  Measure measure = Measure::value;
  /// Seconds: of growth, over which at least a rate is told, in which notifications are counted.
  std::uint32_t window = 60;

  std::optional<std::string> pattern;  ///< RE2 syntax
  std::optional<std::string> log_source, log_kind, log_severity;
  std::uint32_t count = 1;             ///< how many notifications within `window`
  std::optional<std::uint32_t> quiet;  ///< seconds without another after which it is over by itself
  std::optional<std::string> check;    ///< what the agent calls it, or the id passed on
  std::optional<std::string> instance, value;  ///< members of what a check found

  std::vector<std::string> nodes, families;  ///< ids or names; none: all
  std::vector<std::string> also;             ///< other names of this alarm (WombatOAM's)
};
BOOST_DESCRIBE_STRUCT(Rule, (),
                      (id, kind, source, description, probable_cause, proposed_repair_action, tags,
                       levels, enabled, hold, metric, percent_of, scale, at_least, label, direction,
                       measure, window, pattern, log_source, log_kind, log_severity, count, quiet,
                       check, instance, value, nodes, families, also))

/// A rule made ready: its pattern compiled.
struct ReadyRule {
  Rule rule;
  std::shared_ptr<const re2::RE2> pattern;

  bool covers(const Subject& node) const;
  /// The level that `value` has now, when it had level `before` (1 for the first of `levels`, 0 for
  /// none): raise levels count upwards, clear levels downwards.
  std::size_t level(double value, std::size_t before) const;
};

/// Checks a rule and makes it ready. Patterns run in linear time whatever they are (RE2), within
/// 1 MiB. Errors: bad_request naming the
/// field: an unknown metric, a pattern that does not compile or is too large, a clear level on the
/// wrong side, levels out of order.
Result<ReadyRule> make_ready(Rule rule, const std::function<bool(const std::string&)>& is_metric);

/// schemas/alarms.json, built into the program. Throws where it is malformed: a bug.
const std::vector<Rule>& builtin_rules();

}  // namespace muster::alarms
