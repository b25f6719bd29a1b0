#pragma once

#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace muster {

/// What waits, of many callers: one of each in turn, each caller's own in order of coming. However
/// much of one waits, another's comes next or soon after. Plain data; O(1) but for remove().
template <class Item>
class RoundRobin {
 public:
  void push(const std::string& whose, Item item) {
    auto [at, is_new] = callers_.try_emplace(whose);
    if (is_new) at->second = order_.insert(order_.end(), {whose, {}});
    at->second->items.push_back(std::move(item));
  }

  std::optional<Item> pop() {
    if (order_.empty()) return std::nullopt;
    auto first = order_.begin();
    auto item = std::move(first->items.front());
    first->items.pop_front();
    if (first->items.empty())
      drop(first);
    else
      order_.splice(order_.end(), order_, first);
    return item;
  }

  void remove(const std::string& whose, const Item& item) {
    auto at = callers_.find(whose);
    if (at == callers_.end()) return;
    auto caller = at->second;
    std::erase(caller->items, item);
    if (caller->items.empty()) drop(caller);
  }

 private:
  struct Caller {
    std::string name;
    std::deque<Item> items;  ///< never empty
  };
  void drop(typename std::list<Caller>::iterator caller) {
    callers_.erase(caller->name);
    order_.erase(caller);
  }

  std::list<Caller> order_;  ///< whose turn is next comes first
  std::unordered_map<std::string, typename std::list<Caller>::iterator> callers_;
};

}  // namespace muster
