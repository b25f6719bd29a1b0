#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ops/convert.h"

/// An alarm as it is kept, shown and sent.
namespace muster::alarms {

/// As elarm has them; later is worse. `indeterminate`: whoever raised it did not say.
enum class Severity { indeterminate, warning, minor, major, critical };
BOOST_DESCRIBE_ENUM(Severity, indeterminate, warning, minor, major, critical)

enum class State { new_, acknowledged, cleared };
BOOST_DESCRIBE_ENUM(State, new_, acknowledged, cleared)

enum class Scope { node, family, daemon };
BOOST_DESCRIBE_ENUM(Scope, node, family, daemon)

/// Who found it: a rule of schemas/alarms.json, a user's rule, or the node itself.
enum class Source { builtin, user, sasl, elarm };
BOOST_DESCRIBE_ENUM(Source, builtin, user, sasl, elarm)

enum class Trend { less_severe, no_change, more_severe };
BOOST_DESCRIBE_ENUM(Trend, less_severe, no_change, more_severe)

enum class Action { raised, raised_again, severity_changed, acknowledged, commented, cleared };
BOOST_DESCRIBE_ENUM(Action, raised, raised_again, severity_changed, acknowledged, commented,
                    cleared)

/// Who did what when.
struct Deed {
  Timestamp at;
  Action action;
  std::string by;  ///< a caller's name, "rule" or "node"
  std::optional<Severity> severity;
  std::optional<std::string> text;
};
BOOST_DESCRIBE_STRUCT(Deed, (), (at, action, by, severity, text))

struct Comment {
  Timestamp at;
  std::string by, text;
};
BOOST_DESCRIBE_STRUCT(Comment, (), (at, by, text))

struct AckInfo {
  Timestamp at;
  std::string by;
};
BOOST_DESCRIBE_STRUCT(AckInfo, (), (at, by))

/// The numbers of a threshold when it was last crossed; in percent where percent_of is given.
struct Threshold {
  std::string metric;
  std::optional<std::string> percent_of;
  double value = 0, raise = 0, clear = 0;
};
BOOST_DESCRIBE_STRUCT(Threshold, (), (metric, percent_of, value, raise, clear))

struct Alarm {
  std::string id, event_id;  ///< the same: elarm's word for it
  std::string condition;     ///< what is wrong: "process_limit"
  std::string instance;      ///< of what, where a node can have several: a process, a mount point
  Scope scope = Scope::node;
  std::optional<std::string> node_id;
  std::optional<ops::NodeName> node;
  std::optional<std::string> family_id, family;
  Source source = Source::builtin;
  Severity severity = Severity::indeterminate;
  State state = State::new_;
  Timestamp event_time;     ///< first raised
  Timestamp raised_at;      ///< last raised
  std::uint32_t count = 1;  ///< how often
  std::string probable_cause, proposed_repair_action, description;
  std::optional<ops::json::value> additional_information;  ///< evidence, from when it was raised
  std::vector<std::string> correlated_events;              ///< ids of alarms of the same node then
  std::vector<Comment> comments;
  Trend trend = Trend::no_change;
  std::optional<Threshold> threshold;
  std::optional<AckInfo> ack_info;
  std::optional<Timestamp> cleared_at;
  std::vector<std::string> tags;
  std::vector<Deed> history;
};
BOOST_DESCRIBE_STRUCT(Alarm, (),
                      (id, event_id, condition, instance, scope, node_id, node, family_id, family,
                       source, severity, state, event_time, raised_at, count, probable_cause,
                       proposed_repair_action, description, additional_information,
                       correlated_events, comments, trend, threshold, ack_info, cleared_at, tags,
                       history))

/// What an alarm is about: a node, a family, or the daemon.
struct Subject {
  Scope scope = Scope::node;
  std::string id;  ///< of the node or family
  std::string name;
  std::optional<std::string> family_id, family;  ///< of a node
};

/// Something is wrong: what a rule or a node says.
struct Report {
  Subject subject;
  std::string condition, instance;
  Source source = Source::builtin;
  Severity severity = Severity::indeterminate;
  std::string probable_cause, proposed_repair_action, description;
  std::vector<std::string> tags;
  std::optional<ops::json::value> evidence;
  std::optional<Threshold> threshold;
};

}  // namespace muster::alarms
