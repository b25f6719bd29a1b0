#pragma once

#include <chrono>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster {

/// When something is due, for many names of which few are due at a time: asking costs what is due,
/// not what there is. Putting a deadline off, which is what mostly happens to one, writes a time
/// and moves nothing. Plain data; the owner brings the clock.
class Deadlines {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    Time at;
    Time queued;  ///< when the queue will look at it; Time::max(): it was due, and is set again or
                  ///< not
  };

  void set(const std::string& name, Time at) {
    auto& entry = entries_.try_emplace(name, Entry{at, Time::max()}).first->second;
    entry.at = at;
    if (at >= entry.queued) return;
    entry.queued = at;
    queue_.emplace(at, name);
  }
  void erase(const std::string& name) { entries_.erase(name); }
  bool contains(const std::string& name) const { return entries_.count(name) > 0; }

  /// Those whose time has come, the earliest first. They stay known and are not due again until
  /// they are set.
  std::vector<std::string> take_due(Time now) {
    std::vector<std::string> due;
    while (!queue_.empty() && queue_.top().first <= now) {
      auto [queued, name] = queue_.top();
      queue_.pop();
      auto found = entries_.find(name);
      if (found == entries_.end() || found->second.queued != queued) continue;
      found->second.queued = Time::max();
      if (found->second.at <= now) {
        due.push_back(std::move(name));
      } else {
        set(name, found->second.at);
      }
    }
    return due;
  }

  /// All names that are known, due or not.
  const std::unordered_map<std::string, Entry>& entries() const { return entries_; }

 private:
  using Queued = std::pair<Time, std::string>;

  std::unordered_map<std::string, Entry> entries_;
  std::priority_queue<Queued, std::vector<Queued>, std::greater<>> queue_;
};

}  // namespace muster
