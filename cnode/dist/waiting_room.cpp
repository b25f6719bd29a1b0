#include "dist/waiting_room.h"

#include <algorithm>

namespace muster::dist {
namespace {

boost::asio::ip::address network(const boost::asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address;
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), 0);
  return boost::asio::ip::address_v6(bytes);
}

}  // namespace

WaitingRoom::Socket* WaitingRoom::make_room() {
  if (size_ < most_ || waiting_.empty()) return nullptr;
  auto has_fewer = [](auto& a, auto& b) { return a.second.size() < b.second.size(); };
  auto crowd = std::max_element(waiting_.begin(), waiting_.end(), has_fewer);
  auto* oldest = crowd->second.front();
  leave(crowd->first, oldest);
  return oldest;
}

void WaitingRoom::enter(const Address& from, Socket* socket) {
  waiting_[network(from)].push_back(socket);
  ++size_;
}

void WaitingRoom::leave(const Address& from, Socket* socket) {
  auto found = waiting_.find(network(from));
  if (found == waiting_.end()) return;
  size_ -= found->second.remove(socket);
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace muster::dist
