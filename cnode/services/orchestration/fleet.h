#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/slots.h"
#include "base/task_group.h"
#include "services/orchestration/deployment.h"
#include "services/orchestration/deployment_rows.h"

namespace muster::orchestration {

/// A deployed node at work.
struct FleetNode {
  explicit FleetNode(Deployment r) : row(std::move(r)) {}

  Deployment row;            ///< as it was last written; changed by Fleet::replace
  std::uint64_t number = 0;  ///< in the order in which they were added
  Slots writing{1};          ///< one change of the row at a time
  TaskGroup::Cancel cancel;  ///< ends the work on it; set while there is some
  bool is_busy = false;
  bool is_queued = false;  ///< waits for its turn or a place on its host: its step is not begun
  bool is_gone = false;    ///< nothing is left of it; its row goes, or has gone
};
using FleetNodePtr = std::shared_ptr<FleetNode>;

/// Says of a node that it waits.
class Queued {
 public:
  explicit Queued(FleetNodePtr node) : node_(std::move(node)) {
    if (node_) node_->is_queued = true;
  }
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;
  ~Queued() {
    if (node_) node_->is_queued = false;
  }

 private:
  FleetNodePtr node_;
};

/// All nodes that are deployed here, in memory, as their rows say. Owned by Engine; lives on the
/// loop.
class Fleet {
 public:
  FleetNodePtr add(Deployment row);
  void remove(const std::string& id);
  /// The row changes; what it is made from and where it lies stay.
  void replace(FleetNode& node, Deployment row);

  /// By id or name; null when there is none.
  FleetNodePtr find(const std::string& id_or_name) const;
  /// Oldest first.
  std::vector<FleetNodePtr> of_family(const std::string& family_id) const;
  std::size_t count_of_family(const std::string& family_id) const;
  /// Sorted by id.
  const std::map<std::string, FleetNodePtr>& all() const { return by_id_; }

  // Of a host, or of an archive there. Those that are gone do not count.
  bool is_used(const HostKey& host) const;
  bool is_used(const HostKey& host, const std::string& sha256, const std::string& but_not_by) const;
  /// By a node that is not being deleted.
  bool is_wanted(const HostKey& host) const;

  std::size_t count(const std::function<bool(const Deployment&)>& which) const;
  /// Nodes by machine of a provider: "<provider>/<machine>".
  const std::unordered_map<std::string, std::size_t>& loads() const { return loads_; }

 private:
  std::map<std::string, FleetNodePtr> by_id_;
  std::unordered_map<std::string, FleetNodePtr> by_name_;
  std::unordered_map<std::string, std::map<std::uint64_t, FleetNodePtr>> by_family_;
  std::unordered_map<std::string, std::size_t> loads_;
  struct OnHost {
    std::size_t wanted = 0;
    std::map<std::string, std::unordered_set<const FleetNode*>> by_archive;
  };
  std::map<HostKey, OnHost> by_host_;
  std::uint64_t last_number_ = 0;
};

}  // namespace muster::orchestration
