#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/slots.h"
#include "base/task_group.h"
#include "services/orchestration/deployment.h"
#include "services/orchestration/deployment_rows.h"

namespace muster::orchestration {

/// A deployed node at work.
struct FleetNode {
  explicit FleetNode(Deployment r) : row(std::move(r)) {}

  Deployment row;            ///< as it was last written
  Slots writing{1};          ///< one change of the row at a time
  TaskGroup::Cancel cancel;  ///< ends the work on it; set while there is some
  bool is_busy = false;
  bool is_queued = false;  ///< waits for a place on its host: nothing of its step is begun
  bool is_gone = false;    ///< nothing is left of it; its row goes, or has gone
};
using FleetNodePtr = std::shared_ptr<FleetNode>;

/// All nodes that are deployed here, in memory, as their rows say. Owned by Engine; lives on the
/// loop.
class Fleet {
 public:
  FleetNodePtr add(Deployment row);
  void remove(const std::string& id);

  /// By id or name; null when there is none.
  FleetNodePtr find(const std::string& id_or_name) const;
  /// Oldest first.
  std::vector<FleetNodePtr> of_family(const std::string& family_id) const;
  /// Sorted by id.
  const std::map<std::string, FleetNodePtr>& all() const { return by_id_; }

  /// Those that are gone do not count.
  bool any(const std::function<bool(const Deployment&)>& which) const;
  std::size_t count(const std::function<bool(const Deployment&)>& which) const;
  /// Nodes by machine of a provider: "<provider>/<machine>".
  std::unordered_map<std::string, std::size_t> loads() const;

 private:
  std::map<std::string, FleetNodePtr> by_id_;
  std::unordered_map<std::string, FleetNodePtr> by_name_;
  std::unordered_map<std::string, std::vector<FleetNodePtr>> by_family_;
};

}  // namespace muster::orchestration
