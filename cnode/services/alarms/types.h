#pragma once

#include "services/alarms/alarm.h"

/// What the operations of `alarms` take and give, rules and webhooks aside.
namespace muster::alarms {

struct ListAlarms : ops::PageRequest {
  std::optional<State> state;
  std::optional<Severity> severity;
  std::optional<Source> source;
  std::optional<std::string> node, family, condition, tags;

  static constexpr ops::Alias aliases[] = {
      {"node_id", "node"}, {"node_family", "family"}, {"family_id", "family"}, {"tag", "tags"}};
  static constexpr ops::Doc docs[] = {
      {"state", "new, acknowledged or cleared; without it all that is not cleared"},
      {"severity", "this and worse: indeterminate, warning, minor, major, critical"},
      {"source", "builtin, user, sasl or elarm"},
      {"node", "id or name; the name of one that is not managed any more too"},
      {"family", "id or name; alarms of its nodes as well"},
      {"tags", "all of these: \"dev,op\""},
      {"after", "`next` of the page before"}};
};
BOOST_DESCRIBE_STRUCT(ListAlarms, (ops::PageRequest),
                      (state, severity, source, node, family, condition, tags))

struct PastAlarms : ops::PageRequest {
  std::optional<Severity> severity;
  std::optional<Source> source;
  std::optional<std::string> node, family, condition, tags;

  static constexpr ops::Alias aliases[] = {
      {"node_id", "node"}, {"node_family", "family"}, {"family_id", "family"}, {"tag", "tags"}};
};
BOOST_DESCRIBE_STRUCT(PastAlarms, (ops::PageRequest),
                      (severity, source, node, family, condition, tags))

struct AlarmById {
  std::string id;
  static constexpr ops::Alias aliases[] = {{"event_id", "id"}};
};
BOOST_DESCRIBE_STRUCT(AlarmById, (), (id))

struct ActOnAlarm {
  std::string id;
  std::optional<std::string> comment;
  static constexpr ops::Alias aliases[] = {{"event_id", "id"}, {"text", "comment"}};
  static constexpr ops::Doc docs[] = {{"comment", "why, at most 4 KiB"}};
};
BOOST_DESCRIBE_STRUCT(ActOnAlarm, (), (id, comment))

struct CommentOnAlarm {
  std::string id, text;
  static constexpr ops::Alias aliases[] = {{"event_id", "id"}, {"comment", "text"}};
};
BOOST_DESCRIBE_STRUCT(CommentOnAlarm, (), (id, text))

/// Event alarms.alarm.
struct AlarmEvent {
  Action action;
  Alarm alarm;
};
BOOST_DESCRIBE_STRUCT(AlarmEvent, (), (action, alarm))

}  // namespace muster::alarms
