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
/// none too many any more, half a minute after the last that did. Owned by the service; lives on
/// the loop.
class Quotas {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `evidence`: how many series it brought, how many it may, and how many were left out.
  using Listener =
      std::function<void(const topology::NodeRow& row, bool is_over, ops::json::value evidence)>;
  void on_change(Listener listener) { listener_ = std::move(listener); }

  /// What is counted of one node.
  class Node {
   public:
    /// Is there room for a message now?
    bool admits(Time now) {
      auto seconds = std::chrono::duration<double>(now - filled_).count();
      messages_ = std::min(most_at_once, messages_ + seconds * per_second);
      filled_ = now;
      if (messages_ < 1) return false;
      messages_ -= 1;
      return true;
    }

   private:
    friend class Quotas;
    double messages_ = most_at_once;
    Time filled_;
    std::optional<bool> is_over_;  ///< none: not said since the daemon's start
    Time last_over_;
  };
  /// Stays until the node is forgotten.
  Node& of(const std::string& node) { return nodes_[node]; }

  void note(Node& node, const topology::NodeRow& row, const Reading& reading,
            const Dictionary& dictionary, Time now) {
    // Where the dictionary is full of what others brought it is not this node's fault.
    bool is_over = reading.refused > 0 && dictionary.is_over(reading.node);
    if (is_over) node.last_over_ = now;
    if (node.is_over_ == is_over) return;
    if (node.is_over_ == true && now < node.last_over_ + quiet) return;
    node.is_over_ = is_over;
    if (!listener_) return;
    ops::json::object evidence{{"series", dictionary.made_by(reading.node)},
                               {"most", dictionary.quota()},
                               {"left_out", reading.refused}};
    if (is_over && dictionary.made_by(reading.node) < dictionary.quota())
      evidence["family"] = "its nodes together have brought as many as they may";
    listener_(row, is_over, std::move(evidence));
  }
  void forget(const std::string& node) { nodes_.erase(node); }

 private:
  static constexpr double per_second = 5, most_at_once = 20;
  static constexpr std::chrono::seconds quiet{30};
  Listener listener_;
  std::unordered_map<std::string, Node> nodes_;  ///< by name
};

}  // namespace muster::metrics
