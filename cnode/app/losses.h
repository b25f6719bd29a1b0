#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/budget.h"

namespace muster::app {

/// Says who went short when the memory for outsiders was spent: in the log (the first of ten
/// seconds, and the tenth), and to `repeated` when there are ten in ten seconds. Who wanted more
/// than one may hold is only in the log. Plain decisions; made by the Daemon, lives on the loop.
class Losses {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// The account that lost most often, and how many losses there were in all.
  using Repeated = std::function<void(const std::string& who, std::uint64_t count)>;
  static constexpr std::chrono::seconds span{10};
  static constexpr std::uint64_t many = 10;

  explicit Losses(Repeated repeated) : repeated_(std::move(repeated)) {}
  void add(const Budget::Loss& loss, Time now);

 private:
  Repeated repeated_;
  Time since_{};
  std::uint64_t count_ = 0, of_share_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> by_account_;
};

}  // namespace muster::app
