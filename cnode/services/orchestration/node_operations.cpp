#include "services/orchestration/node_operations.h"

#include <fmt/format.h>

#include "base/turn.h"
#include "ops/rows.h"
#include "services/orchestration/steps.h"

namespace muster::orchestration {

std::vector<ops::Operation> NodeOperations::operations() {
  using ops::Role;
  ops::Rows rows("orchestration", *this);
  const ops::Subject of_family{.family = "family"}, of_node{.deployed_node = "id"};
  const std::string family = "/api/orch/node_families/:family/", node = "/api/orch/nodes/:id";
  // As older slides have it: …/:family/nodes/start.
  const std::string family_nodes = "/api/node_families/:family/nodes";
  rows.add("deploy_nodes", {"POST", family + "nodes", {family_nodes}, 202}, Role::operator_,
           "Puts nodes of a family on its hosts and starts them; progress comes as events",
           &NodeOperations::deploy, of_family);
  rows.add("list_nodes", {"GET", "/api/orch/nodes", {family + "nodes", family_nodes}}, Role::viewer,
           "The deployed nodes, by id", &NodeOperations::list, of_family);
  rows.add("get_node", {"GET", node}, Role::viewer, "One deployed node, by id or name",
           &NodeOperations::get, of_node);
  rows.add("start_node", {"POST", node + "/start", {}, 202}, Role::operator_,
           "Starts a node that is STOPPED or DOWN", &NodeOperations::start, of_node);
  rows.add("stop_node", {"POST", node + "/stop", {}, 202}, Role::operator_,
           "Stops a node: STOPPED once name and processes are gone for 10 s", &NodeOperations::stop,
           of_node);
  rows.add("restart_node", {"POST", node + "/restart", {}, 202}, Role::operator_,
           "Stops a node and starts it again", &NodeOperations::restart, of_node);
  rows.add("retry_node", {"POST", node + "/retry", {}, 202}, Role::operator_,
           "Goes on with a node in ERROR, from the step that failed", &NodeOperations::retry,
           of_node);
  rows.add("delete_node", {"DELETE", node, {}, 202}, Role::operator_,
           "Stops a node and removes it from its host; or forgets it with its host",
           &NodeOperations::erase, of_node);
  rows.add("start_family", {"POST", family + "start", {family_nodes + "/start"}, 202},
           Role::operator_, "Starts all nodes of a family", &NodeOperations::start_family,
           of_family);
  rows.add("stop_family", {"POST", family + "stop", {family_nodes + "/stop"}, 202}, Role::operator_,
           "Stops all nodes of a family", &NodeOperations::stop_family, of_family);
  rows.add("restart_family", {"POST", family + "restart", {family_nodes + "/restart"}, 202},
           Role::operator_, "Restarts all nodes of a family, at once",
           &NodeOperations::restart_family, of_family);
  rows.add("delete_family_nodes", {"DELETE", family + "nodes", {family_nodes}, 202},
           Role::operator_, "Stops all nodes of a family and removes them from their hosts",
           &NodeOperations::erase_family_nodes, of_family);
  return rows.take();
}

Task<DeployedNodes> NodeOperations::deploy(DeployNodes request, ops::Caller caller) {
  DeployOrder order;
  CO_TRY(order.family, catalogue_.family(request.family));
  order.amount = request.amount.value_or(1);
  if (order.amount == 0 || order.amount > DeployNodes::max_amount)
    co_return Error(Errc::bad_request, fmt::format("must be from 1 to {}", DeployNodes::max_amount),
                    "/amount");
  order.is_started = request.autostart.value_or(true);
  order.provider = request.provider.value_or("");
  order.bound_to = std::move(caller.families);
  CO_TRY(auto nodes, co_await engine_.deploy(std::move(order)));
  co_return co_await views(std::move(nodes));
}

Task<ops::Page<DeployedNode>> NodeOperations::list(ListDeployedNodes request, ops::Caller) {
  std::optional<std::string> family_id;
  if (request.family) {
    CO_TRY(auto family, catalogue_.family(*request.family));
    family_id = family.id;
  }
  ops::Page<DeployedNode> page;
  Names names;
  auto& all = engine_.fleet().all();
  auto at = request.after ? all.upper_bound(*request.after) : all.begin();
  for (; at != all.end(); ++at) {
    auto& row = at->second->row;
    if (family_id && row.family_id != *family_id) continue;
    if (request.state && engine_.state_of(row) != *request.state) continue;
    if (page.items.size() == request.count()) {
      page.next = page.items.back().id;
      break;
    }
    page.items.push_back(view(row, names));
  }
  co_return page;
}

Result<FleetNodePtr> NodeOperations::find(const std::string& id_or_name) const {
  if (auto node = engine_.fleet().find(id_or_name)) return node;
  return Error(Errc::not_found, fmt::format("no deployed node '{}'", id_or_name));
}

Task<DeployedNode> NodeOperations::get(ById request, ops::Caller) {
  CO_TRY(auto node, find(request.id));
  co_return view(node->row);
}

Task<DeployedNode> NodeOperations::want(std::string id_or_name, Goal goal) {
  CO_TRY(auto node, find(id_or_name));
  CO_TRYV(co_await engine_.want(node, goal));
  co_return view(node->row);
}

Task<DeployedNode> NodeOperations::start(ById request, ops::Caller) {
  return want(std::move(request.id), Goal::running);
}

Task<DeployedNode> NodeOperations::stop(ById request, ops::Caller) {
  return want(std::move(request.id), Goal::stopped);
}

Task<DeployedNode> NodeOperations::restart(ById request, ops::Caller) {
  return want(std::move(request.id), Goal::restarted);
}

Task<DeployedNode> NodeOperations::erase(DeleteNode request, ops::Caller) {
  if (!request.forget.value_or(false)) co_return co_await want(std::move(request.id), Goal::gone);
  CO_TRY(auto node, find(request.id));
  auto last = view(node->row);
  CO_TRY(last.left_behind, co_await engine_.forget(node));
  last.goal = Goal::gone;
  last.step.reset();
  last.error.reset();
  co_return last;
}

Task<DeployedNode> NodeOperations::retry(ById request, ops::Caller) {
  CO_TRY(auto node, find(request.id));
  CO_TRYV(co_await engine_.retry(node));
  co_return view(node->row);
}

/// Nodes that are being deleted are left to it.
Task<DeployedNodes> NodeOperations::want_all(std::string id_or_name, Goal goal) {
  CO_TRY(auto family, catalogue_.family(id_or_name));
  auto nodes = engine_.fleet().of_family(family.id);
  auto wanted = co_await engine_.want_all(nodes, goal);
  if (!wanted) co_return wanted.error();
  co_return co_await views(std::move(nodes));
}

Task<DeployedNodes> NodeOperations::start_family(OfFamily request, ops::Caller) {
  return want_all(std::move(request.family), Goal::running);
}

Task<DeployedNodes> NodeOperations::stop_family(OfFamily request, ops::Caller) {
  return want_all(std::move(request.family), Goal::stopped);
}

Task<DeployedNodes> NodeOperations::restart_family(OfFamily request, ops::Caller) {
  return want_all(std::move(request.family), Goal::restarted);
}

Task<DeployedNodes> NodeOperations::erase_family_nodes(OfFamily request, ops::Caller) {
  return want_all(std::move(request.family), Goal::gone);
}

Task<DeployedNodes> NodeOperations::views(std::vector<FleetNodePtr> nodes) const {
  DeployedNodes views;
  views.items.reserve(nodes.size());
  Names names;
  Turn turn;
  for (auto& node : nodes) {
    if (turn.is_over()) co_await next_turn(turn);
    views.items.push_back(view(node->row, names));
  }
  co_return views;
}

DeployedNode NodeOperations::view(const Deployment& row) const {
  Names names;
  return view(row, names);
}

DeployedNode NodeOperations::view(const Deployment& row, Names& names) const {
  using topology::NodeState;
  DeployedNode view{};
  view.id = view.uuid = row.id;
  view.name = {row.name};
  view.state = engine_.state_of(row);
  if (view.state == NodeState::down) {
    auto health = engine_.health(row.id);
    view.reason = health ? health->reason : "starting";
  }
  view.goal = row.goal;
  if (row.status == StepStatus::running) view.step = row.step;
  if (row.status == StepStatus::failed)
    view.error = DeployError{row.step, row.failure.message, row.failure.output, row.failure.remedy};
  auto name_of = [&](const std::string& id, auto look_up) {
    auto [at, is_new] = names.try_emplace(id);
    if (!is_new) return at->second;
    if (auto* found = (catalogue_.*look_up)(id)) at->second = found->name;
    return at->second;
  };
  view.family_id = row.family_id;
  view.family = name_of(row.family_id, &Catalogue::peek_family);
  view.release_id = row.release_id;
  view.release = name_of(row.release_id, &Catalogue::peek_release);
  view.provider_id = row.provider_id;
  view.provider = name_of(row.provider_id, &Catalogue::peek_provider);
  view.domain_id = row.domain_id;
  view.host = row.node_host;
  view.created_at = row.created_at;
  view.changed_at = row.changed_at;
  return view;
}

}  // namespace muster::orchestration
