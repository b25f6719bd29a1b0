#include "services/orchestration/fleet.h"

#include <algorithm>

namespace muster::orchestration {
namespace {

std::string load_key(const Deployment& row) {
  return row.provider_id + '/' + row.machine;
}

bool any_left(const std::unordered_set<const FleetNode*>& nodes, const std::string& but_not_by) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const FleetNode* node) {
    return !node->is_gone && node->row.id != but_not_by;
  });
}

}  // namespace

FleetNodePtr Fleet::add(Deployment row) {
  auto node = std::make_shared<FleetNode>(std::move(row));
  node->number = ++last_number_;
  by_id_[node->row.id] = node;
  by_name_[node->row.name] = node;
  by_family_[node->row.family_id].emplace(node->number, node);
  ++loads_[load_key(node->row)];
  auto& host = by_host_[host_of(node->row)];
  if (node->row.goal != Goal::gone) ++host.wanted;
  host.by_archive[node->row.sha256].insert(node.get());
  return node;
}

void Fleet::remove(const std::string& id) {
  auto at = by_id_.find(id);
  if (at == by_id_.end()) return;
  auto node = at->second;
  by_id_.erase(at);
  by_name_.erase(node->row.name);
  auto family = by_family_.find(node->row.family_id);
  family->second.erase(node->number);
  if (family->second.empty()) by_family_.erase(family);
  auto load = loads_.find(load_key(node->row));
  if (--load->second == 0) loads_.erase(load);
  auto host = by_host_.find(host_of(node->row));
  if (node->row.goal != Goal::gone) --host->second.wanted;
  auto archive = host->second.by_archive.find(node->row.sha256);
  archive->second.erase(node.get());
  if (archive->second.empty()) host->second.by_archive.erase(archive);
  if (host->second.by_archive.empty()) by_host_.erase(host);
}

void Fleet::replace(FleetNode& node, Deployment row) {
  const bool was_wanted = node.row.goal != Goal::gone, is_wanted = row.goal != Goal::gone;
  node.row = std::move(row);
  if (was_wanted == is_wanted || !by_id_.contains(node.row.id)) return;
  auto& host = by_host_[host_of(node.row)];
  host.wanted = is_wanted ? host.wanted + 1 : host.wanted - 1;
}

FleetNodePtr Fleet::find(const std::string& id_or_name) const {
  if (auto at = by_id_.find(id_or_name); at != by_id_.end()) return at->second;
  if (auto at = by_name_.find(id_or_name); at != by_name_.end()) return at->second;
  return nullptr;
}

std::vector<FleetNodePtr> Fleet::of_family(const std::string& family_id) const {
  std::vector<FleetNodePtr> nodes;
  auto at = by_family_.find(family_id);
  if (at == by_family_.end()) return nodes;
  nodes.reserve(at->second.size());
  for (auto& [number, node] : at->second) nodes.push_back(node);
  return nodes;
}

std::size_t Fleet::count_of_family(const std::string& family_id) const {
  auto at = by_family_.find(family_id);
  return at == by_family_.end() ? 0 : at->second.size();
}

bool Fleet::is_used(const HostKey& host) const {
  auto at = by_host_.find(host);
  if (at == by_host_.end()) return false;
  auto& archives = at->second.by_archive;
  return std::any_of(archives.begin(), archives.end(),
                     [](auto& entry) { return any_left(entry.second, ""); });
}

bool Fleet::is_used(const HostKey& host, const std::string& sha256,
                    const std::string& but_not_by) const {
  auto at = by_host_.find(host);
  if (at == by_host_.end()) return false;
  auto archive = at->second.by_archive.find(sha256);
  return archive != at->second.by_archive.end() && any_left(archive->second, but_not_by);
}

bool Fleet::is_wanted(const HostKey& host) const {
  auto at = by_host_.find(host);
  return at != by_host_.end() && at->second.wanted > 0;
}

std::size_t Fleet::count(const std::function<bool(const Deployment&)>& which) const {
  return std::count_if(by_id_.begin(), by_id_.end(),
                       [&](auto& entry) { return which(entry.second->row); });
}

}  // namespace muster::orchestration
