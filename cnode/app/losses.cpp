#include "app/losses.h"

#include <algorithm>

#include "base/log.h"

namespace muster::app {

void Losses::add(const Budget::Loss& loss, Time now) {
  constexpr std::size_t most_accounts = 1000;
  if (now - since_ >= span) {
    since_ = now;
    count_ = of_share_ = 0;
    by_account_.clear();
  }
  if (loss.is_of_share) {
    if (++of_share_ == 1)
      log::warn(
          "{} holds {} bytes of the memory for outsiders and is refused {} more, which is more "
          "than one may hold ([limits] outsiders_megabytes)",
          loss.who, loss.held, loss.wanted);
    return;
  }
  if (++count_ == 1) {
    if (loss.wanted > 0)
      log::warn(
          "memory for outsiders is spent ([limits] outsiders_megabytes): {} holds {} bytes and "
          "is refused {} more",
          loss.who, loss.held, loss.wanted);
    else
      log::warn(
          "memory for outsiders is spent ([limits] outsiders_megabytes): {} held {} bytes and "
          "loses them",
          loss.who, loss.held);
  }
  auto own = by_account_.find(loss.who);
  if (own == by_account_.end() && by_account_.size() < most_accounts)
    own = by_account_.emplace(loss.who, 0).first;
  if (own != by_account_.end()) ++own->second;
  if (count_ != many) return;
  auto less = [](auto& a, auto& b) { return a.second < b.second; };
  auto most = std::max_element(by_account_.begin(), by_account_.end(), less);
  log::warn("memory for outsiders: {} losses in {} s, most of {}", count_, span.count(),
            most->first);
  repeated_(most->first, count_);
}

}  // namespace muster::app
