#pragma once

#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace muster {

/// What waits, of many callers: one of each in turn, each caller's own in order of coming. However
/// much of one waits, another's comes next or soon after. Plain data; O(1).
template <class Item>
class RoundRobin {
  struct Caller {
    std::string name;
    std::list<Item> items;  ///< never empty
  };
  using CallerAt = typename std::list<Caller>::iterator;

 public:
  /// Where an item waits: good until it is popped or removed.
  struct Place {
    CallerAt caller;
    typename std::list<Item>::iterator item;
  };

  Place push(const std::string& whose, Item item) {
    auto [at, is_new] = callers_.try_emplace(whose);
    if (is_new) at->second = order_.insert(order_.end(), {whose, {}});
    auto caller = at->second;
    return {caller, caller->items.insert(caller->items.end(), std::move(item))};
  }

  std::optional<Item> pop() {
    if (order_.empty()) return std::nullopt;
    auto first = order_.begin();
    auto item = std::move(first->items.front());
    order_.splice(order_.end(), order_, first);
    remove({first, first->items.begin()});
    return item;
  }

  void remove(Place place) {
    place.caller->items.erase(place.item);
    if (!place.caller->items.empty()) return;
    callers_.erase(place.caller->name);
    order_.erase(place.caller);
  }

 private:
  std::list<Caller> order_;  ///< whose turn is next comes first
  std::unordered_map<std::string, CallerAt> callers_;
};

}  // namespace muster
