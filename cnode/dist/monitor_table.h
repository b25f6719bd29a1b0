#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dist/wire_ids.h"

namespace muster::dist {

/// The monitors that one peer holds on processes of ours, by their reference. Plain data; bounded
/// by its owner. A monitor made by name is answered with the name, so it is kept.
class MonitorTable {
 public:
  struct Entry {
    LocalPid target;
    PeerPid watcher;
    std::string name;                ///< empty: made by pid
    std::function<void()> given_up;  ///< called when the peer lets the monitor go
  };

  std::size_t size() const { return entries_.size(); }
  void add(const PeerRef& ref, Entry entry) { entries_.insert_or_assign(ref, std::move(entry)); }
  /// False: there is none.
  bool remove(const PeerRef& ref) {
    auto node = entries_.extract(ref);
    if (node && node.mapped().given_up) node.mapped().given_up();
    return !node.empty();
  }
  void remove_all() {
    for (auto& [ref, entry] : std::exchange(entries_, {}))
      if (entry.given_up) entry.given_up();
  }
  /// Does nothing when there is no such monitor.
  void on_given_up(const PeerRef& ref, std::function<void()> given_up) {
    auto found = entries_.find(ref);
    if (found != entries_.end()) found->second.given_up = std::move(given_up);
  }
  /// The monitors on this process, taken out.
  std::vector<std::pair<PeerRef, Entry>> take(LocalPid target) {
    std::vector<std::pair<PeerRef, Entry>> taken;
    for (auto it = entries_.begin(); it != entries_.end();) {
      if (it->second.target == target) {
        taken.emplace_back(it->first, std::move(it->second));
        it = entries_.erase(it);
      } else {
        ++it;
      }
    }
    return taken;
  }

 private:
  std::unordered_map<PeerRef, Entry, IdHash> entries_;
};

}  // namespace muster::dist
