#include "services/alarms/repeats.h"

#include <utility>

namespace muster::alarms {

bool Repeats::admits(const std::string& alarm, Time now) {
  auto [at, is_new] = is_held_.try_emplace(alarm, false);
  if (is_new)
    order_.emplace_back(now + between, alarm);
  else
    at->second = true;
  return is_new;
}

std::vector<std::string> Repeats::take_due(Time now) {
  std::vector<std::string> due;
  while (!order_.empty() && order_.front().first <= now) {
    auto alarm = std::move(order_.front().second);
    order_.pop_front();
    auto at = is_held_.find(alarm);
    if (at == is_held_.end()) continue;  // dropped
    if (std::exchange(at->second, false)) {
      order_.emplace_back(now + between, alarm);
      due.push_back(std::move(alarm));
    } else {
      is_held_.erase(at);
    }
  }
  return due;
}

std::vector<std::string> Repeats::take_all() {
  std::vector<std::string> due;
  for (auto& [alarm, is_held] : is_held_)
    if (std::exchange(is_held, false)) due.push_back(alarm);
  return due;
}

}  // namespace muster::alarms
