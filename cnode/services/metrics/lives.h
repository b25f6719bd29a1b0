#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster::metrics {

/// Which nodes send chosen values once a second, and who asked for it until when. At most 100 at
/// once, 50 of them of one caller: he asks again without end, and others find room. A node that
/// several ask for has one place, and counts for each of them. Plain decisions; owned by the
/// service, lives on the loop.
class Lives {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most = 100, per_caller = 50;

  struct Live {
    std::set<std::string> metrics;
    std::map<std::string, Time> until;  ///< by caller

    Time end() const {
      auto is_sooner = [](auto& a, auto& b) { return a.second < b.second; };
      return std::max_element(until.begin(), until.end(), is_sooner)->second;
    }
  };

  /// All of these nodes, or none. Error: quota.
  Result<> ask(const std::string& caller, const std::vector<std::string>& nodes,
               const std::vector<std::string>& metrics, Time until) {
    std::size_t more = 0, theirs = 0;
    for (auto& [node, live] : nodes_) theirs += live.until.count(caller);
    for (auto& node : nodes) {
      auto* live = find(node);
      if (!live) ++more;
      if (!live || !live->until.contains(caller)) ++theirs;
    }
    if (theirs > per_caller)
      return Error(Errc::quota, fmt::format("at most {} nodes are live at once for one caller: ask "
                                            "for fewer, or wait until those that you asked for end",
                                            per_caller));
    if (nodes_.size() + more > most)
      return Error(Errc::quota, fmt::format("at most {} nodes are live at once, and {} are: ask "
                                            "for fewer, or wait until some end",
                                            most, nodes_.size()));
    for (auto& node : nodes) {
      auto& live = nodes_[node];
      live.metrics.insert(metrics.begin(), metrics.end());
      auto& end = live.until[caller];
      end = std::max(end, until);
    }
    return {};
  }

  /// Null: it is not live.
  const Live* find(const std::string& node) const {
    auto at = nodes_.find(node);
    return at == nodes_.end() ? nullptr : &at->second;
  }
  const std::map<std::string, Live>& all() const { return nodes_; }

  /// Ends what nobody asked for beyond this moment. Says which nodes are not live any more.
  std::vector<std::string> end(Time now) {
    std::vector<std::string> ended;
    for (auto& [node, live] : nodes_) {
      std::erase_if(live.until, [&](auto& each) { return each.second <= now; });
      if (live.until.empty()) ended.push_back(node);
    }
    for (auto& node : ended) nodes_.erase(node);
    return ended;
  }
  void forget(const std::string& node) { nodes_.erase(node); }

 private:
  std::map<std::string, Live> nodes_;
};

}  // namespace muster::metrics
