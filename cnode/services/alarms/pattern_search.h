#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <span>
#include <vector>

#include "services/alarms/rule_engine.h"

namespace muster::alarms {

/// Looks for the patterns of rules in notifications, on a thread of its own: a hard pattern takes
/// tens of milliseconds for a long text, and there may be many of both. A batch has a second. Each
/// rule has its share of that, and of what others have left of theirs; in it the nodes take turns:
/// neither a hard pattern nor a node that says much takes it all. What is left out is counted.
/// Owned by Watch.
class PatternSearch {
 public:
  using Rules = std::vector<RuleEngine::RulePtr>;
  struct Heard {
    Subject node;
    LogLine line;
  };
  struct Found {
    std::vector<Rules> in;     ///< for each line, the rules whose pattern is in it
    std::size_t left_out = 0;  ///< lines in which some were not looked for
  };
  static constexpr auto most = std::chrono::seconds(1);

  /// What the lines refer to stays until this has ended.
  asio::awaitable<Found> find(Rules rules, std::span<const Heard> heard);

  /// The work itself, on the caller's thread.
  static Found search(const Rules& rules, std::span<const Heard> heard,
                      std::chrono::steady_clock::duration limit = most);

 private:
  asio::thread_pool thread_{1};
};

}  // namespace muster::alarms
