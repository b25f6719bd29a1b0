#include "mesh/manager.h"

#include <fmt/format.h>

#include "base/random.h"
#include "base/timeout.h"
#include "mesh/agents.h"

namespace muster::mesh {

namespace {

using SteadyClock = std::chrono::steady_clock;

bool is_reached_alike(const NodeSpec& a, const NodeSpec& b) {
  return a.name == b.name && a.cookie == b.cookie && a.port == b.port && a.tls == b.tls;
}

}  // namespace

dist::PeerSettings settings_of(const NodeSpec& spec) {
  dist::PeerSettings settings;
  if (!spec.cookie.empty()) settings.cookie = spec.cookie;
  settings.role = spec.role;
  settings.port = spec.port;
  settings.tls = spec.tls;
  return settings;
}

NodeManager::NodeManager(asio::any_io_executor executor) : executor_(std::move(executor)) {}
NodeManager::~NodeManager() = default;

void NodeManager::attach(dist::Node& node, Agents& agents, Watcher& watcher) {
  tools_.reset(new KeeperTools{executor_, node, agents, watcher});
  node.add_listener(*this);
}

asio::awaitable<void> NodeManager::stop() {
  if (!tools_) co_return;
  tools_->node.remove_listener(*this);
  auto ending = std::move(by_id_);
  by_id_.clear();
  id_of_name_.clear();
  for (auto& [id, kept] : ending) kept->task.cancel();
  for (auto& [id, kept] : ending) co_await kept->task.join();
}

asio::awaitable<void> NodeManager::run(std::shared_ptr<Kept> kept) {
  co_await kept->keeper.run();
}

void NodeManager::keep(NodeSpec spec) {
  auto id = spec.id;
  if (auto old = by_id_.find(id); old != by_id_.end()) {
    auto& keeper = old->second->keeper;
    auto& before = keeper.spec();
    if (before.role != spec.role || !(before.cookie == spec.cookie)) rights_changed_(before.name);
    if (is_reached_alike(before, spec) && before.agents == spec.agents)
      return keeper.set_role(spec.role);
    if (!is_reached_alike(before, spec)) tools_->node.close(before.name);
    id_of_name_.erase(before.name);
    old->second->task.cancel();
  }
  if (auto link = tools_->node.find(spec.name);
      link && !tools_->node.has_proved(*link, settings_of(spec)))
    tools_->node.close(spec.name);
  id_of_name_[spec.name] = id;
  auto name = "keeper of " + spec.name;
  auto kept = std::make_shared<Kept>(*tools_, std::move(spec));
  by_id_[id] = kept;
  kept->task.spawn(std::move(name), run(kept));
}

void NodeManager::forget(const std::string& id) {
  auto at = by_id_.find(id);
  if (at == by_id_.end()) return;
  auto kept = std::move(at->second);
  by_id_.erase(at);
  id_of_name_.erase(kept->keeper.spec().name);
  kept->task.cancel();
  tools_->node.close(kept->keeper.spec().name);
  rights_changed_(kept->keeper.spec().name);
}

void NodeManager::expect_start(const std::string& id) {
  if (auto at = by_id_.find(id); at != by_id_.end()) at->second->keeper.expect_start();
}

const Keeper* NodeManager::find(const std::string& id) const {
  auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &at->second->keeper;
}

NodeManager::Kept* NodeManager::kept_by_name(const std::string& name) const {
  auto id = id_of_name_.find(name);
  if (id == id_of_name_.end()) return nullptr;
  auto at = by_id_.find(id->second);
  return at == by_id_.end() ? nullptr : at->second.get();
}

Result<std::shared_ptr<dist::Link>> NodeManager::link(const std::string& id) const {
  auto* keeper = find(id);
  if (!keeper) return Error(Errc::not_found, "this node is not watched");
  auto link = keeper->link();
  if (keeper->is_up() && link) return link;
  return Error(Errc::unavailable,
               fmt::format("{} is DOWN ({})", keeper->spec().name, name_of(keeper->reason())));
}

/// How a node is reached while somebody dials it, kept or not.
struct NodeManager::BeingReached {
  using Map = std::multimap<std::string, NodeSpec>;
  BeingReached(Map& map, NodeSpec spec) : map(map) {
    auto name = spec.name;
    entry = map.emplace(std::move(name), std::move(spec));
  }
  BeingReached(const BeingReached&) = delete;
  ~BeingReached() { map.erase(entry); }
  Map& map;
  Map::iterator entry;  ///< several may reach one node at once
};

Task<std::shared_ptr<dist::Link>> NodeManager::try_once(NodeSpec spec) {
  auto name = spec.name;
  BeingReached entry(being_reached_, std::move(spec));
  co_return co_await tools_->node.connect(name);
}

Task<std::shared_ptr<dist::Link>> NodeManager::reach(NodeSpec spec, SteadyClock::duration limit) {
  auto name = spec.name;
  BeingReached entry(being_reached_, std::move(spec));
  DialPolicy policy;
  auto until = SteadyClock::now() + limit;
  policy.expect_start(SteadyClock::now());
  for (;;) {
    auto link = co_await tools_->node.connect(name);
    if (link) co_return link;
    bool for_cookie = link.error().code == dist::LinkError::cookie;
    if (policy.is_refused_for_good(SteadyClock::now(), for_cookie))
      co_return Error(dist::LinkError::cookie, name + " answers and has another cookie");
    auto next = SteadyClock::now() + policy.after_failure(SteadyClock::now(), random_u32());
    if (next >= until) {
      auto reason = name_of(reason_of(link.error()));
      auto waited = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
      co_return Error(Errc::timeout,
                      fmt::format("{} did not answer within {} s: {}", name, waited, reason));
    }
    co_await pause(next - SteadyClock::now());
  }
}

std::optional<dist::PeerSettings> NodeManager::settings(const std::string& node) const {
  // Several may be at it: equal ones are in the order in which they began.
  if (auto after = being_reached_.upper_bound(node);
      after != being_reached_.begin() && std::prev(after)->first == node)
    return settings_of(std::prev(after)->second);
  if (auto* kept = kept_by_name(node)) return settings_of(kept->keeper.spec());
  return std::nullopt;
}

Role NodeManager::role(const std::string& node, const Secret& cookie) const {
  auto* kept = kept_by_name(node);
  if (!kept) return Role::none;
  auto& spec = kept->keeper.spec();
  return spec.cookie == cookie ? spec.role : Role::none;
}

void NodeManager::link_up(const std::shared_ptr<dist::Link>& link) {
  if (auto* kept = kept_by_name(link->peer())) kept->keeper.link_up();
}

void NodeManager::link_down(const std::shared_ptr<dist::Link>& link, dist::LinkError why) {
  if (auto* kept = kept_by_name(link->peer())) kept->keeper.link_down(why);
}

}  // namespace muster::mesh
