#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <unordered_map>

#include "ops/json_term.h"
#include "services/metrics/sample_reader.h"
#include "services/topology/topology.h"

namespace muster::metrics {

/// What a node may send: five messages a second (20 at once), and no more series than the
/// dictionary gives it. Too many series is said when it begins, and when a round of the node brings
/// none too many any more. Owned by the service; lives on the loop.
class Quotas {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `evidence`: how many series it brought, how many it may, and how many were left out.
  using Listener =
      std::function<void(const topology::NodeRow& row, bool is_over, ops::json::value evidence)>;
  void on_change(Listener listener) { listener_ = std::move(listener); }

  bool admits(const std::string& node, Time now) {
    auto& known = nodes_[node];
    auto seconds = std::chrono::duration<double>(now - known.filled).count();
    known.messages = std::min(most_at_once, known.messages + seconds * per_second);
    known.filled = now;
    if (known.messages < 1) return false;
    known.messages -= 1;
    return true;
  }
  void note(const topology::NodeRow& row, const Reading& reading, const Dictionary& dictionary) {
    auto& is_over = nodes_[row.name].is_over;
    // Where the dictionary is full of what others brought it is not this node's fault.
    bool now = reading.refused > 0 && dictionary.made_by(reading.node) >= dictionary.quota();
    if (is_over == now) return;
    is_over = now;
    if (!listener_) return;
    listener_(row, *is_over,
              ops::json::object{{"series", dictionary.made_by(reading.node)},
                                {"most", dictionary.quota()},
                                {"left_out", reading.refused}});
  }
  void forget(const std::string& node) { nodes_.erase(node); }

 private:
  static constexpr double per_second = 5, most_at_once = 20;
  struct Node {
    double messages = most_at_once;
    Time filled;
    std::optional<bool> is_over;  ///< none: not said since the daemon's start
  };
  Listener listener_;
  std::unordered_map<std::string, Node> nodes_;  ///< by name
};

}  // namespace muster::metrics
