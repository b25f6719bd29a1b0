#pragma once

#include "base/slots.h"
#include "services/topology/discovery.h"
#include "services/topology/topology.h"

namespace muster::topology {

/// Walks a connected system over our own hidden links, so that no connection between its nodes is
/// made: asks each node for its visible neighbours, up to 32 at once and 5 s each, for a minute in
/// all. At most 200 nodes that are not managed yet are dialled, once each: what a node says of its
/// neighbours may be a lie. Lives as long as the one call it serves; links made only to look are
/// closed again.
class Explorer {
 public:
  Explorer(Topology& topology, mesh::NodeManager& manager, dist::Node& node, const Clock& clock)
      : topology_(topology), manager_(manager), node_(node), clock_(clock) {}

  /// From `seed`, which is managed. Found nodes take its cookie and transport. Errors: unavailable
  /// where the seed itself cannot be asked.
  Task<DiscoveryView> explore(NodeRow seed, bool add);

 private:
  /// Whether it counts.
  Task<bool> ask(NodeRow node, bool is_seed, Discovery& discovery);
  Task<std::shared_ptr<dist::Link>> reach(NodeRow node, bool is_seed);
  NodeRow like(const NodeRow& seed, const std::string& name) const;

  Topology& topology_;
  mesh::NodeManager& manager_;
  dist::Node& node_;
  const Clock& clock_;
  Slots slots_{32};
  std::chrono::steady_clock::time_point until_{};
};

}  // namespace muster::topology
