#include "doors/rest/crowd.h"

#include <algorithm>

namespace muster::doors::rest {

bool Crowd::make_room_for(const std::string& address) {
  auto found = groups_.find(address);
  if (found != groups_.end() && found->second.members.size() >= bounds_.per_address &&
      !make_room_in(found->second))
    return false;
  return size() < bounds_.all || make_room();
}

bool Crowd::move_to(Member& member, const std::string& caller) {
  auto place = places_.find(&member);
  if (place == places_.end()) return false;  // it was sent away meanwhile
  if (place->second.group->first == caller) return true;
  auto found = groups_.find(caller);
  if (found != groups_.end() && found->second.members.size() >= bounds_.per_token &&
      !make_room_in(found->second))
    return false;
  leave(member);
  put(member, caller, true);
  return true;
}

void Crowd::put(Member& member, const std::string& name, bool is_token) {
  auto group = groups_.try_emplace(name, Group{is_token, {}}).first;
  auto& members = group->second.members;
  places_.emplace(&member, Place{group, members.insert(members.end(), &member)});
}

void Crowd::leave(Member& member) {
  auto place = places_.find(&member);
  if (place == places_.end()) return;
  auto [group, at] = place->second;
  places_.erase(place);
  group->second.members.erase(at);
  if (group->second.members.empty()) groups_.erase(group);
}

void Crowd::send_away(Member& member) {
  leave(member);
  member.close();
}

Crowd::Member* Crowd::dispensable(const Group& group) {
  for (auto wanted : {Member::State::idle, Member::State::listening}) {
    auto is_so = [&](Member* member) { return member->state() == wanted; };
    auto found = std::find_if(group.members.begin(), group.members.end(), is_so);
    if (found != group.members.end()) return *found;
  }
  return group.is_token ? nullptr : group.members.front();
}

bool Crowd::make_room_in(Group& group) {
  auto* member = dispensable(group);
  if (!member) return false;
  send_away(*member);
  return true;
}

bool Crowd::make_room() {
  Member* chosen = nullptr;
  std::size_t most = 0;
  for (auto& [name, group] : groups_) {
    if (group.members.size() <= most) continue;
    auto* member = dispensable(group);
    if (!member) continue;
    chosen = member;
    most = group.members.size();
  }
  if (!chosen) return false;
  send_away(*chosen);
  return true;
}

}  // namespace muster::doors::rest
