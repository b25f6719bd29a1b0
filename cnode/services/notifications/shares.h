#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/notifications/entry.h"

namespace muster::notifications {

/// How much of what is kept one node may bring: an eighth of it at once, and an eighth a day. So
/// what a node that logs without end pushes out is at most a quarter in its first day, and its own
/// for the most part from then on. A node is over its share from the first entry that is refused
/// until none was for half a minute. Owned by the service; lives on the loop, does no I/O.
class Shares {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `kept`: bytes on disk, of all nodes.
  explicit Shares(std::uint64_t kept) : most_(static_cast<double>(kept) / 8) {}

  /// Bytes that a node may bring at once, and in a day.
  std::uint64_t most() const { return static_cast<std::uint64_t>(most_); }
  /// False: it is beyond the node's share, and counted.
  bool admits(const std::string& node, const Entry& entry, Time now);
  /// The node is not managed any more.
  void forget(const std::string& node);

  struct Change {
    std::string node;
    bool is_over = false;
    std::uint64_t left_out = 0;  ///< entries, while it was over
  };
  /// Who came to be over or within its share since the last call, and each node the first time that
  /// it says something.
  std::vector<Change> take_changes(Time now);
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Node {
    double bytes = 0;  ///< that it may still bring
    Time filled, refused;
    bool is_over = false;
    std::uint64_t left_out = 0;
  };

  double most_;
  std::unordered_map<std::string, Node> nodes_;  ///< by name
  std::set<std::string> over_;
  std::vector<Change> changes_;
  std::uint64_t left_out_ = 0;
};

}  // namespace muster::notifications
