#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/notifications/entry.h"

namespace muster::notifications {

/// What one node may send, and all of them.
struct IntakeLimits {
  double per_second = 100;                            ///< of one node, sustained
  double burst = 400;                                 ///< of one node, at once
  std::size_t queued = 4096, queued_bytes = 4 << 20;  ///< of one node
  std::size_t all_bytes = 64 << 20;                   ///< of all nodes
};

/// Between the links and the archive: a bounded queue for each node, emptied in turns, so that a
/// node that logs without end fills its own queue only and delays nobody. What does not fit is
/// dropped and counted; the count becomes an entry of that node itself, once a second at most.
/// Plain data, owned by the service.
class Intake {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Intake(IntakeLimits limits = {}) : limits_(limits) {}

  void offer(Entry entry, Time now);
  /// The node's agent dropped some before it sent them.
  void dropped_on_node(const Entry& origin, const std::string& source, std::uint64_t count);
  /// At most so many entries, or some MiB of them, a few of each waiting node in turn.
  std::vector<Entry> take(std::size_t most, Timestamp at, Time now);
  /// Puts back, in front, what take() gave and nobody could store.
  void put_back(std::vector<Entry> entries);

  /// The node is not managed any more; what waits of it goes.
  void forget(const std::string& node);

  bool empty() const { return turns_.empty(); }
  /// There are counts that have not been said.
  bool has_drops() const { return !with_drops_.empty(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Node {
    std::deque<Entry> queue;
    std::size_t bytes = 0;
    double tokens = 0;
    Time filled;
    bool has_turn = false;
    std::map<std::string, std::uint64_t> dropped_here, dropped_there;  ///< by source
    Time announced;
    std::string node_id, node, family;
  };
  Node& node_of(const Entry& entry, Time now);
  bool has_room(const Node& node, std::size_t bytes) const;
  void push(Node& node, Entry entry, bool in_front);
  void announce(Timestamp at, Time now, std::vector<Entry>& out);

  IntakeLimits limits_;
  std::unordered_map<std::string, Node> nodes_;  ///< by name
  std::deque<Node*> turns_;
  std::vector<Node*> with_drops_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace muster::notifications
