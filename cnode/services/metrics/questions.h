#pragma once

#include <functional>
#include <string>
#include <unordered_set>

#include "base/places.h"
#include "base/task_group.h"

namespace muster::metrics {

/// Which nodes are being asked, each one question at a time: one that says nothing has a single
/// coroutine that waits, however often it is due, and takes places of its own kind the next time
/// (Places). Lives on the loop, and longer than what it begins.
class Questions {
 public:
  explicit Questions(Places::Settings at_once) : places_(at_once) {}

  /// Asks the node; says whether it was mute.
  using Question = std::function<asio::awaitable<bool>()>;
  /// False: the node's last question still waits, and this one is not begun.
  bool begin(TaskGroup& group, const std::string& node, const Question& question) {
    if (!asked_.insert(node).second) return false;
    group.spawn("stock metrics", run(node, question()));
    return true;
  }
  /// Of nodes that are not there any more nothing is remembered.
  template <class IsKnown>
  void keep_only(IsKnown is_known) {
    std::erase_if(mute_, [&](auto& node) { return !is_known(node); });
  }
  std::size_t mute() const { return mute_.size(); }

 private:
  asio::awaitable<void> run(std::string node, asio::awaitable<bool> question) {
    struct End {
      std::unordered_set<std::string>& asked;
      const std::string& node;
      ~End() { asked.erase(node); }
    } end{asked_, node};
    auto place = co_await places_.take(mute_.contains(node));
    bool is_mute = co_await std::move(question);
    if (is_mute)
      mute_.insert(node);
    else
      mute_.erase(node);
  }

  Places places_;
  std::unordered_set<std::string> asked_, mute_;  ///< by name; mute: the last time
};

}  // namespace muster::metrics
