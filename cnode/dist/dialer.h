#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/resolver.h"
#include "base/result.h"
#include "base/task_group.h"
#include "dist/channel.h"
#include "dist/handshake.h"
#include "dist/node_core.h"

namespace muster::dist {

/// Connects to peers: one dial per peer at a time, shared by all who ask. Owned by Node. A dial
/// ends with a link (ours, or the peer's own connection that won), an error, or by abandon().
class Dialer {
 public:
  Dialer(std::shared_ptr<NodeCore> core, TaskGroup& group);

  Task<std::shared_ptr<Link>> connect(std::string peer);
  bool is_dialling(std::string_view peer) const { return dials_->find(peer) != dials_->end(); }
  /// The peer's own connection is preferred: ours is closed, and its callers wait for the other.
  void yield(std::string_view peer);
  /// A connection of the peer's has become a link.
  void connected(const std::shared_ptr<Link>& link);
  /// Also forgets that it was ourselves: it may be reached in another way now.
  void abandon(std::string_view peer);
  /// Our own connections are accepted there.
  void listening_on(std::uint16_t port) { own_port_ = port; }

 private:
  struct Dial {
    explicit Dial(boost::asio::io_context& context)
        : done(context, boost::asio::steady_timer::time_point::max()) {}
    boost::asio::steady_timer done;  ///< cancelled when there is something to look at
    std::optional<Result<std::shared_ptr<Link>>> result;
    bool is_yielding = false;
    Channel::Socket* socket = nullptr;  ///< while one is open
  };
  using DialPtr = std::shared_ptr<Dial>;
  using Address = boost::asio::ip::address;
  struct Target {
    Address address;
    std::uint16_t port;
    int version;
  };

  boost::asio::awaitable<void> run(std::string peer, DialPtr dial);
  Task<std::shared_ptr<Link>> dial(std::string peer, DialPtr dial);
  Task<std::shared_ptr<Link>> dial_target(std::string peer, DialPtr dial, PeerSettings settings,
                                          Target target);
  Task<std::shared_ptr<Link>> shake_hands(std::string peer, DialPtr dial, Channel channel,
                                          PeerSettings settings, int version);
  /// Is this connection one to our own door, by our own name with another host part?
  bool is_to_ourselves(std::string_view peer, const Channel::Socket& socket) const;
  using Dials = ByName<DialPtr>;
  static void finish(Dials& dials, std::string_view peer, Result<std::shared_ptr<Link>> result);

  std::shared_ptr<NodeCore> core_;
  TaskGroup& group_;
  const std::shared_ptr<Dials> dials_;  ///< shared with dials that are unwound late
  Resolver resolver_;
  std::uint16_t own_port_ = 0;            ///< 0: not reachable
  std::unordered_set<std::string> ours_;  ///< peers that turned out to be ourselves
};

}  // namespace muster::dist
