#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::alarms {

/// How often it is said and written that an alarm was raised again: at once where that was not so
/// for 10 s, else when they are over. A node that raises its alarms again and again with other
/// evidence is worth no more. Plain code without clock; owned by Desk.
class Repeats {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds between{10};

  /// False: it is held, and due later.
  bool admits(const std::string& alarm, Time now);
  /// It is over.
  void drop(const std::string& alarm) { is_held_.erase(alarm); }
  /// The ids of those that were held and may be said now.
  std::vector<std::string> take_due(Time now);
  /// Those that are held, whenever they are due.
  std::vector<std::string> take_all();

 private:
  std::unordered_map<std::string, bool> is_held_;   ///< by id, those of the last 10 s: something is
  std::deque<std::pair<Time, std::string>> order_;  ///< when the 10 s of each are over
};

}  // namespace muster::alarms
