#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/slots.h"

namespace muster {

/// A value of each key, made when it is first asked for and there as long as somebody has it: what
/// the work on a host shares while there is some, say. Lives on one executor.
template <class Key, class Value>
class WhileUsed {
 public:
  template <class... Arguments>
  std::shared_ptr<Value> get(const Key& key, const Arguments&... arguments) {
    auto at = values_.find(key);
    auto value = at == values_.end() ? nullptr : at->second.lock();
    if (value) return value;
    if (values_.size() >= sweep_at_) {
      std::erase_if(values_, [](auto& entry) { return entry.second.expired(); });
      sweep_at_ = std::max(least, 2 * values_.size());
    }
    value = std::make_shared<Value>(arguments...);
    values_[key] = value;
    return value;
  }
  std::size_t size() const { return values_.size(); }

 private:
  static constexpr std::size_t least = 64;
  std::map<Key, std::weak_ptr<Value>> values_;
  std::size_t sweep_at_ = least;
};

/// A slot together with the Slots that it is of.
class SharedSlot {
 public:
  static asio::awaitable<SharedSlot> take(std::shared_ptr<Slots> slots, std::string caller = {}) {
    auto held = co_await slots->take(std::move(caller));
    co_return SharedSlot(std::move(slots), std::move(held));
  }

 private:
  SharedSlot(std::shared_ptr<Slots> slots, Slots::Held held)
      : slots_(std::move(slots)), held_(std::move(held)) {}
  std::shared_ptr<Slots> slots_;
  Slots::Held held_;
};

}  // namespace muster
