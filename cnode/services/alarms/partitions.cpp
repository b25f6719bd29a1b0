#include "services/alarms/partitions.h"

#include <algorithm>

namespace muster::alarms {

using ops::json::array;
using ops::json::object;

namespace {

constexpr std::size_t most_names = 200'000, most_kept = 4'000'000, most_lost = 100,
                      most_pairs = 10'000, most_shown = 50, few_names = 4096;
constexpr std::uint64_t messages_between_sweeps = 100;

bool contains(const std::vector<std::uint32_t>& set, std::uint32_t number) {
  return std::binary_search(set.begin(), set.end(), number);
}

}  // namespace

std::size_t Partitions::SetHash::operator()(const Set& set) const {
  std::size_t hash = set.size();
  for (auto number : set) hash = (hash ^ number) * 0x9E3779B97F4A7C15U;
  return hash;
}

std::optional<Partitions::Number> Partitions::number(const std::string& name) {
  auto at = numbers_.find(name);
  if (at != numbers_.end()) return at->second;
  if (free_.empty()) {
    if (names_.size() >= most_names) return std::nullopt;
    free_.push_back(static_cast<Number>(names_.size()));
    names_.emplace_back();
  }
  auto number = free_.back();
  free_.pop_back();
  names_[number] = name;
  numbers_.emplace(name, number);
  return number;
}

/// It looks at all sets: not with every message, but when half of the names are nobody's, or there
/// is no room.
void Partitions::make_room(std::size_t names) {
  auto used = kept_ + members_.size() * (1 + most_lost);  // at most
  bool is_loose = names_.size() - free_.size() > 2 * used + few_names;
  bool is_full = names_.size() + names > most_names && free_.size() < names &&
                 (room_made_ == 0 || now_ >= room_made_ + messages_between_sweeps);
  if (!is_loose && !is_full) return;
  room_made_ = now_;
  std::vector<bool> is_used(names_.size());
  for (auto& [set, users] : sets_)
    for (auto number : set) is_used[number] = true;
  for (auto& [number, member] : members_) {
    is_used[number] = true;
    for (auto peer : member.lost) is_used[peer] = true;
  }
  free_.clear();
  for (Number number = 0; number < names_.size(); ++number) {
    if (is_used[number]) continue;
    numbers_.erase(names_[number]);
    names_[number].clear();
    free_.push_back(number);
  }
}

const Partitions::Set* Partitions::keep(Set set) {
  auto known = sets_.find(set);
  if (known == sets_.end()) {
    if (kept_ + set.size() > most_kept) return nullptr;
    kept_ += set.size();
    known = sets_.emplace(std::move(set), 0).first;
  }
  ++known->second;
  return &known->first;
}

void Partitions::let_go(const Set* set) {
  if (!set) return;
  auto known = sets_.find(*set);
  if (--known->second > 0) return;
  kept_ -= set->size();
  sets_.erase(known);
}

bool Partitions::sees(Number one, Number other) const {
  auto at = members_.find(one);
  return at != members_.end() && at->second.sees && contains(*at->second.sees, other);
}

void Partitions::learn(const std::string& node, const std::vector<std::string>& peers) {
  make_room(peers.size() + 1);
  auto own = number(node);
  if (!own) return;
  Set now{*own};
  for (auto& peer : peers) {
    auto known = number(peer);
    if (!known) return forget(node);  // of a part of them nothing follows
    now.push_back(*known);
  }
  std::sort(now.begin(), now.end());
  now.erase(std::unique(now.begin(), now.end()), now.end());
  auto& member = members_[*own];
  if (member.came == 0) member.came = ++now_;
  note_changes(*own, member, now);
  auto* before = member.sees;
  member.sees = keep(std::move(now));
  let_go(before);
  member.said = ++now_;
}

void Partitions::note_changes(Number node, Member& member, const Set& now) {
  for (auto number : now) member.lost.erase(number);
  if (!member.sees) return;
  Set gone;
  std::set_difference(member.sees->begin(), member.sees->end(), now.begin(), now.end(),
                      std::back_inserter(gone));
  for (auto number : gone) {
    auto peer = members_.find(number);
    bool was_up = peer != members_.end() && peer->second.came < member.said;
    if (was_up && member.lost.size() < most_lost) member.lost.insert(number);
  }
  Set gained;
  std::set_difference(now.begin(), now.end(), member.sees->begin(), member.sees->end(),
                      std::back_inserter(gained));
  for (auto number : gained)
    if (auto peer = members_.find(number); peer != members_.end()) peer->second.lost.erase(node);
}

void Partitions::forget(const std::string& node) {
  auto known = numbers_.find(node);
  auto member = known == numbers_.end() ? members_.end() : members_.find(known->second);
  if (member == members_.end()) return;
  let_go(member->second.sees);
  members_.erase(member);
  for (auto& [number, other] : members_) other.lost.erase(known->second);
}

/// Members that are connected with each other, whatever the way.
std::unordered_map<Partitions::Number, Partitions::Group> Partitions::groups() const {
  std::vector<Number> above(names_.size());
  for (Number i = 0; i < above.size(); ++i) above[i] = i;
  auto root = [&](Number i) {
    while (above[i] != i) i = above[i] = above[above[i]];
    return i;
  };
  std::unordered_map<const Set*, std::uint64_t> known_in;
  for (auto& [set, users] : sets_) {
    std::optional<Number> first;
    auto& count = known_in[&set];
    for (auto number : set) {
      auto member = members_.find(number);
      if (member == members_.end() || !member->second.sees) continue;
      ++count;
      if (first) above[root(number)] = root(*first);
      first = number;
    }
  }
  std::unordered_map<Number, Group> groups;
  for (auto& [number, member] : members_) {
    if (!member.sees) continue;
    auto& group = groups[root(number)];
    group.members.push_back(number);
    group.edges += known_in[member.sees] - 1;
  }
  return groups;
}

void Partitions::find_missing(const Group& group, Pairs& apart) const {
  for (auto number : group.members) {
    auto& set = *members_.at(number).sees;
    Set missing;
    std::set_difference(group.members.begin(), group.members.end(), set.begin(), set.end(),
                        std::back_inserter(missing));
    for (auto other : missing) {
      if (apart.size() >= most_pairs) return;
      apart.insert(std::minmax({number, other}));
    }
  }
}

object Partitions::find() const {
  Pairs apart;
  for (auto& [root, group] : groups()) {
    auto size = std::uint64_t{group.members.size()};
    auto possible = size * (size - 1);
    if (size >= 3 && group.edges < possible && 4 * group.edges >= 3 * possible)
      find_missing(group, apart);
  }
  for (auto& [number, member] : members_)
    for (auto peer : member.lost)
      if (apart.size() < most_pairs) apart.insert(std::minmax({number, peer}));
  if (apart.empty()) return {};
  array pairs;
  for (auto& [one, other] : apart) {
    if (pairs.size() == most_shown) break;
    pairs.push_back(object{{"node", names_[one]},
                           {"peer", names_[other]},
                           {"node_sees_peer", sees(one, other)},
                           {"peer_sees_node", sees(other, one)}});
  }
  return {{"pairs", std::move(pairs)}, {"count", apart.size()}};
}

}  // namespace muster::alarms
