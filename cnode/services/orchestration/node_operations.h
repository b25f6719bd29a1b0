#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/operation.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/engine.h"
#include "services/orchestration/node_types.h"

namespace muster::orchestration {

/// The operations on deployed nodes: they look up what is meant, say what is wanted to the Engine,
/// and answer at once with the rows. Lives on the loop.
class NodeOperations {
 public:
  NodeOperations(Catalogue& catalogue, Engine& engine) : catalogue_(catalogue), engine_(engine) {}

  std::vector<ops::Operation> operations();

  Task<DeployedNodes> deploy(DeployNodes request, ops::Caller caller);
  Task<ops::Page<DeployedNode>> list(ListDeployedNodes request, ops::Caller caller);
  Task<DeployedNode> get(ById request, ops::Caller caller);
  Task<DeployedNode> start(ById request, ops::Caller caller);
  Task<DeployedNode> stop(ById request, ops::Caller caller);
  Task<DeployedNode> restart(ById request, ops::Caller caller);
  Task<DeployedNode> retry(ById request, ops::Caller caller);
  Task<DeployedNode> erase(DeleteNode request, ops::Caller caller);
  Task<DeployedNodes> start_family(OfFamily request, ops::Caller caller);
  Task<DeployedNodes> stop_family(OfFamily request, ops::Caller caller);
  Task<DeployedNodes> restart_family(OfFamily request, ops::Caller caller);
  Task<DeployedNodes> erase_family_nodes(OfFamily request, ops::Caller caller);

 private:
  Result<FleetNodePtr> find(const std::string& id_or_name) const;
  Task<DeployedNode> want(std::string id_or_name, Goal goal);
  Task<DeployedNodes> want_all(std::string family, Goal goal);
  /// Names of what rows refer to, looked up once for many rows.
  using Names = std::map<std::string, std::string>;
  DeployedNode view(const Deployment& row, Names& names) const;
  DeployedNode view(const Deployment& row) const;
  Task<DeployedNodes> views(std::vector<FleetNodePtr> nodes) const;

  Catalogue& catalogue_;
  Engine& engine_;
};

}  // namespace muster::orchestration
