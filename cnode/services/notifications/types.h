#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/convert.h"
#include "services/notifications/entry.h"

/// What the operations of `notifications` take and give.
namespace muster::notifications {

struct ListNotifications : ops::PageRequest {
  std::optional<std::string> node, family, source, kind, application, words;
  std::optional<Severity> severity;
  std::optional<Timestamp> since, until;

  static constexpr ops::Alias aliases[] = {
      {"search", "words"}, {"text", "words"},   {"level", "severity"},     {"from", "since"},
      {"to", "until"},     {"node_id", "node"}, {"node_family", "family"}, {"family_id", "family"}};
  static constexpr ops::Doc docs[] = {
      {"node", "id or name; the name of one that is not managed any more too"},
      {"family", "id or name"},
      {"severity",
       "this and worse: emergency, alert, critical, error, warning, notice, info, debug"},
      {"source", "logger, sasl, lager, system_monitor, crash_dump, muster, …"},
      {"kind", "supervisor_report, crash_report, long_gc, node_down, …"},
      {"application", "the node's OTP application that said it"},
      {"words", "entries that have all of these words, in whatever order"},
      {"since", "received then or later"},
      {"until", "received before then"},
      {"after", "`next` of the page before: older ones than on it"}};
};
BOOST_DESCRIBE_STRUCT(ListNotifications, (ops::PageRequest),
                      (node, family, severity, source, kind, application, words, since, until))

struct NotificationById {
  std::int64_t id;
};
BOOST_DESCRIBE_STRUCT(NotificationById, (), (id))

/// Event notifications.entry: what is new, with at most 1 KiB of text.
struct NotificationEvent {
  std::int64_t id;
  Timestamp at;                      ///< when the daemon had it
  std::optional<Timestamp> node_at;  ///< by the node's own clock
  Severity severity;
  std::optional<std::string> node_id;
  std::optional<ops::NodeName> node;
  std::optional<std::string> family;
  std::string source, kind;
  std::optional<std::string> application, pid, mfa;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(NotificationEvent, (),
                      (id, at, node_at, severity, node_id, node, family, source, kind, application,
                       pid, mfa, text))

/// One as it is kept, with the whole text.
struct NotificationView : NotificationEvent {
  std::optional<etf::Term> report;  ///< by notifications.get: its structure, as it was on the node
};
BOOST_DESCRIBE_STRUCT(NotificationView, (NotificationEvent), (report))

/// What is said at all: a severity and worse, or nothing.
enum class Level { emergency, alert, critical, error, warning, notice, info, debug, none };
BOOST_DESCRIBE_ENUM(Level, emergency, alert, critical, error, warning, notice, info, debug, none)

struct SetLevel {
  std::optional<std::string> node, family, source;
  std::optional<Level> level;

  static constexpr ops::Alias aliases[] = {{"severity", "level"},
                                           {"node_id", "node"},
                                           {"node_family", "family"},
                                           {"family_id", "family"}};
  static constexpr ops::Doc docs[] = {
      {"node", "id or name; without node and family: for all nodes"},
      {"family", "id or name"},
      {"source", "only for this source: logger, sasl, lager, system_monitor, …"},
      {"level",
       "this and worse is said, or none; absent: as if nothing had been set. What the node's own "
       "logger withholds (its primary level: notice, as OTP has it) is not said"}};
};
BOOST_DESCRIBE_STRUCT(SetLevel, (), (node, family, source, level))

struct LevelView {
  std::optional<ops::NodeName> node;
  std::optional<std::string> family, source;
  Level level;
};
BOOST_DESCRIBE_STRUCT(LevelView, (), (node, family, source, level))

struct ListLevels {
  std::optional<std::string> node;
  static constexpr ops::Doc docs[] = {{"node", "also say what holds for this one: id or name"}};
};
BOOST_DESCRIBE_STRUCT(ListLevels, (), (node))

struct LevelsView {
  std::vector<LevelView> items;    ///< what was set
  Level standard = Level::error;   ///< where nothing was
  std::vector<LevelView> of_node;  ///< what holds for the node asked about
};
BOOST_DESCRIBE_STRUCT(LevelsView, (), (items, standard, of_node))

}  // namespace muster::notifications
