#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/task_group.h"
#include "dist/channel.h"
#include "dist/dialer.h"
#include "dist/handshake.h"
#include "dist/log_limit.h"
#include "dist/node_core.h"
#include "dist/proof.h"
#include "dist/waiting_room.h"

namespace muster::dist {

/// Listens and lets peers in, TCP and TLS on the same port (a TLS client's first byte tells).
/// Owned by Node. At most Limits::incoming connections are between accept and authentication (see
/// WaitingRoom for which goes when there are more); each has Times::handshake.
class Acceptor {
 public:
  Acceptor(std::shared_ptr<NodeCore> core, Dialer& dialer, TaskGroup& group);

  /// Error: unavailable, naming the address and port.
  Result<> listen();
  void start();
  void close();
  std::uint16_t port() const { return port_; }

 private:
  using Listener = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                      boost::asio::io_context::executor_type>;
  Result<> listen_on(std::uint16_t port);
  boost::asio::awaitable<void> run(Listener& listener);
  boost::asio::awaitable<void> serve(Channel::Socket socket);
  Task<> let_in(Channel channel, boost::asio::ip::address from);
  struct Admission {
    ServerHandshake::Decision decision;
    Proof proof;
    Challenges::Given challenge;
  };
  Admission decide(const HandshakePeer& peer, bool is_tls);
  std::optional<PeerSettings> settings_of(const HandshakePeer& peer) const;

  std::shared_ptr<NodeCore> core_;
  Dialer& dialer_;
  TaskGroup& group_;
  std::vector<Listener> listeners_;
  std::uint16_t port_ = 0;
  const std::shared_ptr<WaitingRoom> unauthenticated_;
  LogLimit refusals_;
};

}  // namespace muster::dist
