#include "services/orchestration/fleet.h"

#include <algorithm>

namespace muster::orchestration {

FleetNodePtr Fleet::add(Deployment row) {
  auto node = std::make_shared<FleetNode>(std::move(row));
  by_id_[node->row.id] = node;
  by_name_[node->row.name] = node;
  by_family_[node->row.family_id].push_back(node);
  return node;
}

void Fleet::remove(const std::string& id) {
  auto at = by_id_.find(id);
  if (at == by_id_.end()) return;
  auto node = at->second;
  by_id_.erase(at);
  by_name_.erase(node->row.name);
  auto family = by_family_.find(node->row.family_id);
  std::erase(family->second, node);
  if (family->second.empty()) by_family_.erase(family);
}

FleetNodePtr Fleet::find(const std::string& id_or_name) const {
  if (auto at = by_id_.find(id_or_name); at != by_id_.end()) return at->second;
  if (auto at = by_name_.find(id_or_name); at != by_name_.end()) return at->second;
  return nullptr;
}

std::vector<FleetNodePtr> Fleet::of_family(const std::string& family_id) const {
  auto at = by_family_.find(family_id);
  return at == by_family_.end() ? std::vector<FleetNodePtr>{} : at->second;
}

bool Fleet::any(const std::function<bool(const Deployment&)>& which) const {
  return std::any_of(by_id_.begin(), by_id_.end(), [&](auto& entry) {
    return !entry.second->is_gone && which(entry.second->row);
  });
}

std::size_t Fleet::count(const std::function<bool(const Deployment&)>& which) const {
  return std::count_if(by_id_.begin(), by_id_.end(),
                       [&](auto& entry) { return which(entry.second->row); });
}

std::unordered_map<std::string, std::size_t> Fleet::loads() const {
  std::unordered_map<std::string, std::size_t> loads;
  for (auto& [id, node] : by_id_) ++loads[node->row.provider_id + '/' + node->row.machine];
  return loads;
}

}  // namespace muster::orchestration
