#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/budget.h"
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
/// dropped and counted; the count becomes an entry of that node itself, once a second at most. More
/// than a little of a node's queue is claimed from the budget; told to go there, it is dropped.
/// Plain data, owned by the service.
class Intake {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Intake(IntakeLimits limits = {}, Budget* budget = nullptr)
      : limits_(limits), budget_(budget) {}

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
  /// A place in the budget, apart from that of the node's link: a full queue goes before that does.
  struct Held {
    Held(Budget* budget, std::string account, std::function<void()> evict)
        : holder(budget, std::move(account), std::move(evict)), claim(holder) {}
    Budget::Holder holder;
    Budget::Claim claim;
  };
  struct Node {
    std::deque<Entry> queue;
    std::size_t bytes = 0;
    double tokens = 0;
    Time filled;
    bool has_turn = false;
    std::map<std::string, std::uint64_t> dropped_here, dropped_there;  ///< by source
    Time announced;
    std::string node_id, node, family;
    std::unique_ptr<Held> held;  ///< where its queue is more than a little
  };
  Node& node_of(const Entry& entry, Time now);
  bool has_room(const Node& node, std::size_t bytes) const;
  bool claim(Node& node, std::size_t bytes);
  void empty_out(Node& node);
  void count_drop(Node& node, const std::string& source);
  void push(Node& node, Entry entry, bool in_front);
  void announce(Timestamp at, Time now, std::vector<Entry>& out);

  IntakeLimits limits_;
  Budget* budget_;
  std::unordered_map<std::string, Node> nodes_;  ///< by name
  std::deque<Node*> turns_;
  std::vector<Node*> with_drops_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace muster::notifications
