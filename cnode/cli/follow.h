#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "cli/client.h"

namespace muster::cli {

/// The sequence number of the last event: what to follow from.
Result<std::uint64_t> last_event(Client& client);

/// Asks for events from `since` on, for ever. An event is an object
/// with topic, seq, at and data.
Result<> follow_events(Client& client, const std::vector<std::string>& topics, std::uint64_t since,
                       const std::function<void(const json::object& event)>& heard);

/// The ids of the rows in an answer that have a node's state: one object, a list, or a page.
std::set<std::string> rows_with_state(const json::value& answer);

/// Decides when a wait is over, by events that say {id, state}, and by rows where some are lost.
class StateWait {
 public:
  StateWait(const json::value& answer, std::string wanted);
  /// True when this event was about one of the rows.
  bool take(const json::object& event);
  /// A row as it is now.
  void look(const json::object& row);
  /// A row that is no more gets no state.
  void gone(const std::string& id);
  /// The ids of rows that do not have the state yet.
  const std::set<std::string>& waiting() const { return waiting_; }
  /// Every row has the state, or has failed.
  bool is_over() const { return waiting_.empty(); }
  bool has_failed() const { return has_failed_; }

 private:
  void note(const std::string& id, const std::string& state);

  std::string wanted_;
  std::set<std::string> waiting_;
  bool has_failed_ = false;
};

}  // namespace muster::cli
