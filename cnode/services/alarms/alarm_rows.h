#pragma once

#include "services/alarms/types.h"
#include "store/database.h"

namespace muster::alarms {

/// What a list asks for; everything that is given must hold.
struct Filter {
  std::optional<State> state;
  std::optional<Severity> severity;  ///< this and worse
  std::optional<Source> source;
  std::optional<std::string> node, family, condition;
  std::vector<std::string> tags;

  bool takes(const Alarm& alarm) const;
};
template <class Request>
Filter filter_of(const Request& request);
std::vector<std::string> split_tags(const std::string& text);

/// An alarm to be written, with what webhooks are to be told of it.
struct Saved {
  Alarm alarm;
  struct Letter {
    std::string webhook_id, body;
  };
  std::vector<Letter> letters;
};

/// The table `alarms`, and the writing side of `alarm_outbox`: an alarm and what is to be said of
/// it are one transaction. Of past alarms the newest 50,000 are kept, and of letters 100,000
/// and 128 MiB per webhook (what is dropped is counted there, and logged); trim() sees to it.
class AlarmRows {
 public:
  explicit AlarmRows(store::Database& database) : database_(database) {}

  Task<std::vector<Alarm>> current();
  Task<> save(const std::vector<Saved>& batch);
  Task<Alarm> get(std::string id);
  /// Cleared ones, newest first; `after` is the id of the last one seen.
  Task<ops::Page<Alarm>> past(Filter filter, ops::PageRequest page);
  Task<> trim();

 private:
  store::Database& database_;
};

template <class Request>
Filter filter_of(const Request& request) {
  Filter filter;
  if constexpr (requires { request.state; }) filter.state = request.state;
  filter.severity = request.severity;
  filter.source = request.source;
  filter.node = request.node;
  filter.family = request.family;
  filter.condition = request.condition;
  if (request.tags) filter.tags = split_tags(*request.tags);
  return filter;
}

}  // namespace muster::alarms
