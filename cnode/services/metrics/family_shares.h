#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "store/metrics/metric_store.h"

namespace muster::metrics {

/// What families of deployed nodes have brought to the Dictionary, all nodes of one together:
/// whoever may deploy could have a hundred nodes bring what one may not, or fresh ones every
/// minute. A family has at most half of the room that is left for all, or 10,000 series where that
/// is more, and as many as 100,000 new ones a day, gone ones counted. Added nodes are of none: they
/// say themselves what their family is. Plain counts, owned by the Dictionary.
class FamilyShares {
 public:
  static constexpr std::size_t least = 10'000, most_a_day = 100'000;

  /// The node is of this family, and has brought so many.
  void belongs(store::NodeId node, const std::string& family, std::size_t made) {
    auto& known = family_of_[node];
    if (known == family) return;
    if (!known.empty()) families_[known].made -= made;
    families_[family].made += made;
    known = family;
  }
  /// Another of this node, where there is so much room for those of all?
  bool admits(store::NodeId node, std::size_t room) const {
    auto family = family_of_.find(node);
    if (family == family_of_.end()) return true;
    auto& share = families_.at(family->second);
    return share.made < std::max(least, room / 2) && share.today < most_a_day;
  }
  void brought(store::NodeId node) {
    auto family = family_of_.find(node);
    if (family == family_of_.end()) return;
    auto& share = families_.at(family->second);
    ++share.made;
    ++share.today;
  }
  void lost(store::NodeId node) {
    if (auto family = family_of_.find(node); family != family_of_.end())
      --families_.at(family->second).made;
  }
  /// With all that it had brought.
  void forget(store::NodeId node, std::size_t made) {
    auto family = family_of_.find(node);
    if (family == family_of_.end()) return;
    families_.at(family->second).made -= made;
    family_of_.erase(family);
  }
  void begin(std::int64_t day) {
    if (std::exchange(day_, day) == day) return;
    for (auto& [family, share] : families_) share.today = 0;
  }

 private:
  struct Share {
    std::size_t made = 0, today = 0;
  };
  std::unordered_map<store::NodeId, std::string> family_of_;
  std::unordered_map<std::string, Share> families_;
  std::int64_t day_ = 0;
};

}  // namespace muster::metrics
