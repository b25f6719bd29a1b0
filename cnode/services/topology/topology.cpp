#include "services/topology/topology.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/random.h"
#include "base/turn.h"
#include "ops/role_text.h"
#include "ops/rows.h"
#include "services/topology/explorer.h"
#include "services/topology/vitals.h"

namespace muster::topology {

using ops::Caller;

namespace {
/// Between what is shown of one node: nobody's node fills the queues of who listens.
constexpr auto shortest_interval = std::chrono::milliseconds(500);
/// Added nodes together: each costs memory, a row and being dialled. Those that are deployed here
/// have a bound of their own (orchestration::Engine).
constexpr std::size_t most_added = 20'000;
}  // namespace

Topology::Topology(store::Database& database, const store::Cipher& cipher,
                   mesh::NodeManager& manager, dist::Node& node, ops::EventBus& events,
                   const Clock& clock)
    : rows_(database, cipher), manager_(manager), node_(node), events_(events), clock_(clock) {}

std::vector<ops::Topic> Topology::topics() {
  return {ops::topic<NodeStateEvent>("topology.node_state",
                                     "A node's state or the reason of its being DOWN changed"),
          ops::topic<NodeRestartedEvent>("topology.node_restarted",
                                         "A node came back with another creation"),
          ops::topic<NodeVitalsEvent>("topology.node_vitals", "What a node's agent said of it"),
          ops::topic<NodeListEvent>("topology.node_added", "A node is managed from now on"),
          ops::topic<NodeListEvent>("topology.node_removed", "A node is not managed any more")};
}

std::vector<ops::Operation> Topology::operations() {
  using ops::Role;
  ops::Rows rows("topology", *this);
  rows.add("add_node", {"POST", "/api/actions/add-node", {}, 201, "node"}, Role::operator_,
           "Manage a running node; with discover also the nodes it is connected to",
           &Topology::add_node);
  rows.add("list_nodes", {"GET", "/api/topo/nodes"}, Role::viewer, "The managed nodes, by name",
           &Topology::list_nodes, {.family = "family"});
  rows.add("get_node", {"GET", "/api/topo/nodes/:id"}, Role::viewer, "One node, by id or name",
           &Topology::get_node, {.node = "id"});
  rows.add("update_node", {"PATCH", "/api/topo/nodes/:id"}, Role::operator_,
           "Change how a node is reached, what it may do, or whether agents are loaded",
           &Topology::update_node);
  rows.add("remove_node", {"DELETE", "/api/topo/nodes/:id"}, Role::operator_,
           "Stop watching a node that was added; the node itself runs on", &Topology::remove_node,
           {.node = "id"});
  rows.add("discover_nodes", {"POST", "/api/topo/nodes/:id/discover"}, Role::operator_,
           "Show the nodes that a node is connected to, and theirs; with add, add them",
           &Topology::discover_nodes);
  return rows.take();
}

Task<> Topology::start() {
  CO_TRYV(co_await rows_.drop_empty_families());
  CO_TRY(auto rows, co_await rows_.all());
  for (auto& row : rows) remember(row);
  for (auto& row : rows) keep(row);
  is_started_ = true;
  admins_told_(admins_.size());
  co_return Result<>();
}

/// What whoever proves the cookie that this node is met with may do here.
ops::Role Topology::role_of(const NodeRow& row) const {
  dist::PeerSettings settings;
  if (!row.cookie.empty()) settings.cookie = row.cookie;
  settings.role = row.role;
  return node_.role_for(settings);
}

/// Who says where a node is makes the daemon prove a cookie there. It must not be one that opens
/// more than the caller may do anyway.
Result<> Topology::check_reach(const NodeRow& row, const Caller& caller) const {
  auto role = role_of(row);
  if (role <= caller.role) return {};
  if (!row.cookie.empty())
    return Error(Errc::forbidden,
                 fmt::format("the cookie of {} is one of role {}: to say how the node is reached "
                             "needs that role",
                             row.name, ops::role_text(role)),
                 "/cookie");
  return Error(Errc::forbidden,
               fmt::format("without a cookie of its own {} would be met with one of the daemon's, "
                           "which is one of role {}: give the node's cookie, or have somebody of "
                           "that role do this",
                           row.name, ops::role_text(role)),
               "/cookie");
}

namespace {

Result<> may_give(const std::optional<ops::Role>& role, const Caller& caller) {
  if (role && *role != ops::Role::none && caller.role != ops::Role::admin)
    return Error(Errc::forbidden, "to give a node a role needs the role admin", "/role");
  return {};
}

}  // namespace

/// A role goes with a cookie that nobody else has: with any other the node gets what that one is
/// for, whatever is asked here, and none is no exception.
Result<> Topology::settle_role(NodeRow& row) const {
  auto real = role_of(row);
  if (row.role == real) {
    if (row.cookie.empty()) row.role = ops::Role::none;  // nothing for a cookie that may come
    return {};
  }
  auto real_text = ops::role_text(real);
  if (!row.cookie.empty())
    return Error(Errc::bad_request,
                 fmt::format("the cookie given for {} is the daemon's own, which is one of role "
                             "{}: give the node another",
                             row.name, real_text),
                 "/role");
  return Error(Errc::bad_request,
               fmt::format("without a cookie of its own {} is met with one of the daemon's, which "
                           "is one of role {}: give the node's own cookie, too, or have "
                           "~/.erlang.cookie be of another role ([distribution] home_cookie)",
                           row.name, real_text),
               "/role");
}

void Topology::remember(NodeRow row) {
  auto before = admins_.size();
  if (role_of(row) == ops::Role::admin)
    admins_.insert(row.id);
  else
    admins_.erase(row.id);
  if (is_started_ && admins_.size() != before) admins_told_(admins_.size());
  auto shared = std::make_shared<const NodeRow>(std::move(row));
  auto& known = by_id_[shared->id];
  added_ -= known && known->origin == Origin::added;
  added_ += shared->origin == Origin::added;
  known = shared;
  by_name_[shared->name] = shared;
}

void Topology::keep(const NodeRow& row) {
  if (row.is_wanted)
    manager_.keep(spec_of(row));
  else
    manager_.forget(row.id);
}

Result<NodeRow> Topology::find(const std::string& id_or_name) const {
  if (auto at = by_id_.find(id_or_name); at != by_id_.end()) return *at->second;
  if (auto at = by_name_.find(id_or_name); at != by_name_.end()) return *at->second;
  return Error(Errc::not_found, fmt::format("no node '{}'", id_or_name));
}

const NodeRow* Topology::peek(const std::string& id_or_name) const {
  if (auto at = by_name_.find(id_or_name); at != by_name_.end()) return &*at->second;
  auto at = by_id_.find(id_or_name);
  return at == by_id_.end() ? nullptr : &*at->second;
}

void Topology::peek_family(const std::string& family_id,
                           const std::function<void(const NodeRow&)>& look) const {
  for (auto& [name, row] : by_name_)
    if (row->family_id == family_id) look(*row);
}

Result<std::vector<NodeRow>> Topology::of_family(const std::string& family) const {
  std::vector<NodeRow> rows;
  for (auto& [name, row] : by_name_)
    if (row->family_id == family || row->family == family) rows.push_back(*row);
  if (rows.empty())
    return Error(Errc::not_found, fmt::format("no node family '{}' with nodes", family));
  return rows;
}

std::vector<std::string> Topology::families_named(const std::string& id_or_name) const {
  std::vector<std::string> ids;
  for (auto& [id, row] : by_id_) {
    if (!row->family_id || (row->family_id != id_or_name && row->family != id_or_name)) continue;
    if (std::find(ids.begin(), ids.end(), *row->family_id) == ids.end())
      ids.push_back(*row->family_id);
  }
  return ids;
}

NodeView Topology::view(const NodeRow& row) const {
  NodeView view{};
  view.id = view.uuid = row.id;
  view.name = {row.name};
  auto* keeper = manager_.find(row.id);
  view.state = !row.is_wanted              ? NodeState::stopped
               : keeper && keeper->is_up() ? NodeState::up
                                           : NodeState::down;
  if (view.state == NodeState::down) {
    view.reason = keeper ? keeper->reason() : mesh::DownReason::starting;
    if (keeper && !keeper->detail().empty()) view.detail = keeper->detail();
  }
  view.origin = row.origin;
  view.family_id = row.family_id;
  view.family = row.family;
  view.role = role_of(row);
  view.agents = row.agents;
  view.tls = row.tls;
  view.dist_port = row.dist_port;
  view.added_at = row.added_at;
  if (auto& facts = row.facts) {
    view.otp_release = facts->otp_release;
    view.erts_version = facts->erts_version;
    view.architecture = facts->architecture;
    view.script_id = facts->script_name + " " + facts->script_version;
    view.started_at = facts->started_at;
    view.creation = facts->creation;
  }
  if (auto at = forbidden_.find(row.id); at != forbidden_.end()) view.forbidden = at->second;
  if (auto at = vitals_.find(row.id); at != vitals_.end()) view.vitals = at->second;
  if (auto at = lacking_.find(row.id); at != lacking_.end()) view.agents_lacking = at->second;
  return view;
}

void Topology::publish_state(const NodeRow& row) {
  auto now = view(row);
  events_.publish("topology.node_state",
                  NodeStateEvent{now.id, now.name, now.state, now.reason, now.detail});
}

Task<Topology::Turn> Topology::take_turn(std::string id_or_name) {
  CO_TRY(auto before, find(id_or_name));
  auto held = co_await turns_.try_emplace(before.id, 1).first->second.take();
  CO_TRY(auto row, find(before.id));
  co_return Turn{std::move(held), std::move(row)};
}

Task<NodeRow> Topology::change(std::string id_or_name, std::function<Result<>(NodeRow&)> edit) {
  CO_TRY(auto turn, co_await take_turn(std::move(id_or_name)));
  CO_TRYV(edit(turn.row));
  CO_TRYV(co_await rows_.update(turn.row));
  remember(turn.row);
  keep(turn.row);
  publish_state(turn.row);
  co_return std::move(turn.row);
}

Task<> Topology::adopt(NodeRow row) {
  if (by_id_.contains(row.id)) {
    std::function<Result<>(NodeRow&)> edit = [&row](NodeRow& known) -> Result<> {
      known.family_id = row.family_id;
      known.family = row.family;
      known.origin = row.origin;
      known.cookie = row.cookie;
      known.is_wanted = true;
      return {};
    };
    CO_TRYV(co_await change(row.id, std::move(edit)));
    co_return Result<>();
  }
  if (row.origin == Origin::added && added_ >= most_added)
    co_return Error(Errc::quota,
                    fmt::format("{} nodes were added, which is as many as may be: first remove "
                                "those that nobody needs (topology.remove_node)",
                                most_added));
  CO_TRYV(co_await rows_.insert(row));
  events_.publish("topology.node_added", NodeListEvent{row.id, {row.name}});
  remember(row);
  keep(row);
  publish_state(row);
  co_return Result<>();
}

Task<> Topology::mark_stopped(std::string id) {
  std::function<Result<>(NodeRow&)> edit = [](NodeRow& row) -> Result<> {
    row.is_wanted = false;
    return {};
  };
  CO_TRYV(co_await change(std::move(id), std::move(edit)));
  co_return Result<>();
}

Task<> Topology::drop(std::string id) {
  CO_TRY(auto turn, co_await take_turn(std::move(id)));
  auto& row = turn.row;
  CO_TRYV(co_await rows_.remove(row));
  manager_.forget(row.id);
  vitals_.erase(row.id);
  lacking_.erase(row.id);
  forbidden_.erase(row.id);
  turns_.erase(row.id);
  added_ -= by_id_.erase(row.id) > 0 && row.origin == Origin::added;
  by_name_.erase(row.name);
  if (admins_.erase(row.id) > 0) admins_told_(admins_.size());
  events_.publish("topology.node_removed", NodeListEvent{row.id, {row.name}});
  co_return Result<>();
}

Task<AddedNode> Topology::add_node(AddNode request, Caller caller) {
  NodeRow row;
  CO_TRYV(check_node_name(request.name.text));
  if (node_.self_for(request.name.text) == request.name.text)
    co_return Error(Errc::bad_request, request.name.text + " is this daemon itself", "/name");
  if (request.cookie) CO_TRYV(mesh::check_cookie(request.cookie->reveal(), "/cookie"));
  if (has(request.name.text))
    co_return Error(Errc::conflict, request.name.text + " is managed already", "/name");
  row.id = random_uuid();
  row.name = request.name.text;
  if (request.cookie) row.cookie = *request.cookie;
  row.dist_port = request.dist_port;
  row.tls = request.tls;
  row.agents = request.agents.value_or(Agents::all);
  row.added_at = clock_.now();
  row.role = request.role.value_or(ops::Role::none);
  CO_TRYV(may_give(request.role, caller));
  CO_TRYV(check_reach(row, caller));
  if (request.role) CO_TRYV(settle_role(row));
  CO_TRYV(co_await adopt(row));
  AddedNode added;
  if (request.discover) {
    auto turn = co_await exploring_.take(caller.name);
    Explorer explorer(*this, manager_, node_, clock_);
    if (auto explored = co_await explorer.explore(row, true); !explored)
      added.discovery_error = explored.error().text();
  }
  auto now = find(row.id);
  static_cast<NodeView&>(added) = view(now ? *now : row);
  co_return added;
}

Task<NodeView> Topology::update_node(UpdateNode request, Caller caller) {
  if (request.cookie) CO_TRYV(mesh::check_cookie(request.cookie->reveal(), "/cookie"));
  std::function<Result<>(NodeRow&)> edit = [&](NodeRow& row) -> Result<> {
    bool is_about_trust = request.cookie || request.role || request.dist_port || request.tls;
    if (is_about_trust) TRYV(check_reach(row, caller));
    if (request.cookie) row.cookie = *request.cookie;
    if (request.role) row.role = *request.role;
    if (request.dist_port) row.dist_port = request.dist_port;
    if (request.tls) row.tls = *request.tls;
    if (request.agents) row.agents = *request.agents;
    TRYV(may_give(request.role, caller));
    if (is_about_trust) TRYV(check_reach(row, caller));
    if (is_about_trust && (request.role || row.role != ops::Role::none)) TRYV(settle_role(row));
    return {};
  };
  CO_TRY(auto row, co_await change(request.id, std::move(edit)));
  co_return view(row);
}

Task<NodeView> Topology::remove_node(ById request, Caller) {
  CO_TRY(auto row, find(request.id));
  if (row.origin == Origin::deployed)
    co_return Error(Errc::conflict,
                    row.name + " was deployed here: delete it with orchestration.delete_node");
  auto last = view(row);
  CO_TRYV(co_await drop(row.id));
  co_return last;
}

Task<NodeView> Topology::get_node(ById request, Caller) {
  CO_TRY(auto row, find(request.id));
  co_return view(row);
}

Task<ops::Page<NodeView>> Topology::list_nodes(ListNodes request, Caller) {
  ops::Page<NodeView> page;
  auto at = request.after ? by_name_.upper_bound(*request.after) : by_name_.begin();
  for (; at != by_name_.end(); ++at) {
    auto& row = *at->second;
    if (request.family && row.family_id != *request.family && row.family != *request.family)
      continue;
    auto shown = view(row);
    if (request.state && shown.state != *request.state) continue;
    if (page.items.size() == request.count()) {
      page.next = page.items.back().name.text;
      break;
    }
    page.items.push_back(std::move(shown));
  }
  co_return page;
}

asio::awaitable<void> Topology::each_present(std::function<void(const NodeStateEvent&)> look) {
  muster::Turn turn;
  for (auto at = by_name_.begin(); at != by_name_.end();) {
    auto now = view(*at->second);
    look({now.id, now.name, now.state, now.reason, now.detail});
    if (turn.is_over()) co_await next_turn(turn);
    at = by_name_.upper_bound(now.name.text);
  }
}

Task<DiscoveryView> Topology::discover_nodes(DiscoverNodes request, Caller caller) {
  CO_TRY(auto row, find(request.id));
  CO_TRYV(check_reach(row, caller));  // those that it names are met with its cookie
  auto turn = co_await exploring_.take(caller.name);
  Explorer explorer(*this, manager_, node_, clock_);
  co_return co_await explorer.explore(row, request.add);
}

Task<> Topology::node_up(const mesh::NodeSpec& spec, const mesh::NodeFacts& facts,
                         bool was_restarted) {
  CO_TRY(auto turn, co_await take_turn(spec.id));
  CO_TRY(auto row, co_await rows_.record_facts(std::move(turn.row), facts, clock_.now()));
  remember(row);
  log::info("{} is UP: OTP {}, {}", row.name, facts.otp_release, facts.script_name);
  if (was_restarted)
    events_.publish("topology.node_restarted",
                    NodeRestartedEvent{row.id, {row.name}, facts.creation, facts.started_at});
  events_.publish("topology.node_state", NodeStateEvent{row.id, {row.name}, NodeState::up, {}, {}});
  co_return Result<>();
}

void Topology::node_down(const mesh::NodeSpec& spec, mesh::DownReason reason,
                         const std::string& detail) {
  log::info("{} is DOWN: {}, {}", spec.name, name_of(reason), detail);
  vitals_.erase(spec.id);
  lacking_.erase(spec.id);
  if (auto row = find(spec.id)) publish_state(*row);
}

void Topology::node_refused(const std::string& node) {
  if (auto row = by_name_.find(node); row != by_name_.end()) ++forbidden_[row->second->id];
}

void Topology::node_vitals(const std::string& node, const etf::Term& sample) {
  auto row = by_name_.find(node);
  auto vitals = vitals_of(sample, clock_.now());
  if (row == by_name_.end() || !vitals) return;
  auto& last = vitals_[row->second->id];
  auto since = vitals->at - last.at;
  if (since >= since.zero() && since < shortest_interval) return;
  last = *vitals;
  events_.publish("topology.node_vitals", NodeVitalsEvent{row->second->id, {node}, *vitals});
}

void Topology::node_lacks(const std::string& node,
                          const std::map<std::string, std::string>& agents) {
  auto row = by_name_.find(node);
  if (row == by_name_.end()) return;
  if (agents.empty())
    lacking_.erase(row->second->id);
  else
    lacking_[row->second->id] = agents;
}

mesh::NodeSpec spec_of(const NodeRow& row) {
  mesh::NodeSpec spec;
  spec.id = row.id;
  spec.name = row.name;
  spec.cookie = row.cookie;
  spec.role = row.role;
  spec.port = row.dist_port;
  spec.tls = row.tls;
  spec.agents = row.agents == Agents::all;
  if (row.facts) spec.creation = row.facts->creation;
  return spec;
}

}  // namespace muster::topology
