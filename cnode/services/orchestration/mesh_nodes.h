#pragma once

#include "base/clock.h"
#include "mesh/manager.h"
#include "services/orchestration/node_manager.h"
#include "services/topology/topology.h"

namespace muster::orchestration {

/// The NodeManager that the daemon has: topology keeps the rows of nodes that run, the mesh their
/// links. Owned by app; lives on the loop. Losing a node's link is the mesh's business, not seen
/// here.
class MeshNodes final : public NodeManager {
 public:
  MeshNodes(topology::Topology& topology, mesh::NodeManager& manager, dist::Node& node,
            const Clock& clock)
      : topology_(topology), manager_(manager), node_(node), clock_(clock) {}

  Task<> reach(RunningNode node, std::chrono::steady_clock::duration limit) override;
  Task<bool> is_there(RunningNode node) override;
  Task<> hand_over(RunningNode node) override;
  Task<> set_stopped(std::string id) override;
  Task<> forget(std::string id) override;
  Task<> connect(RunningNode from, Member to) override;
  std::optional<Health> health(const std::string& id) const override;
  std::vector<Member> added(const std::string& family_id) const override;
  std::optional<Member> find(const std::string& id_or_name) const override;

 private:
  Member member(const topology::NodeRow& row) const;

  topology::Topology& topology_;
  mesh::NodeManager& manager_;
  dist::Node& node_;
  const Clock& clock_;
};

}  // namespace muster::orchestration
