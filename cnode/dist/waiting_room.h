#pragma once

#include <boost/asio/ip/address.hpp>
#include <list>
#include <map>

#include "dist/channel.h"

namespace muster::dist {

/// Connections that have not authenticated yet, by where they come from. When there is no room for
/// another one, the oldest of the address that has most of them goes: who floods us pushes out
/// itself, not a slow peer elsewhere. Of IPv6 the network of 64 bits counts as one address.
/// Owned by the Acceptor; lives on the loop.
class WaitingRoom {
 public:
  using Socket = Channel::Socket;
  using Address = boost::asio::ip::address;

  explicit WaitingRoom(std::size_t most) : most_(most) {}

  /// The one to be closed before another enters; null: there is room. It has left.
  Socket* make_room();
  void enter(const Address& from, Socket* socket);
  /// It has authenticated, or is gone.
  void leave(const Address& from, Socket* socket);
  std::size_t size() const { return size_; }

 private:
  std::size_t most_, size_ = 0;
  std::map<Address, std::list<Socket*>> waiting_;  ///< of each address the oldest first
};

}  // namespace muster::dist
