#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "dist/channel.h"

namespace muster::dist {

/// Closes a socket when its time is over, unless this object goes first. The coroutine that waits
/// on the socket then gets an error and asks is_over().
class Deadline {
 public:
  Deadline(boost::asio::io_context& context, Channel::Socket& socket,
           std::chrono::steady_clock::duration limit);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool is_over() const { return *is_over_; }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> is_over_;
};

/// The frames of a handshake on a channel: two bytes of length on TCP, four inside TLS.
class HandshakeFrames {
 public:
  explicit HandshakeFrames(Channel& channel) : channel_(channel) {}

  /// Errors: LinkError::closed, LinkError::protocol (too long), LinkError::tls (it speaks TLS and
  /// we do not, or ended the session by an alert).
  Task<std::string> read();
  Task<> write(std::vector<std::string> frames);
  /// What came behind the last frame: it belongs to the link.
  const std::string& rest() const { return buffer_; }

 private:
  Channel& channel_;
  std::string buffer_;
};

}  // namespace muster::dist
