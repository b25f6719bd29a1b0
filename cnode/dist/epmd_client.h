#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <string>

#include "base/result.h"
#include "dist/channel.h"
#include "dist/epmd_codec.h"

namespace muster::dist {

/// Asks the epmd at this address where a name listens. Errors: LinkError refused, timeout,
/// not_registered.
Task<epmd::Entry> ask_epmd(boost::asio::io_context& context, boost::asio::ip::address address,
                           std::uint16_t port, std::string name,
                           std::chrono::steady_clock::duration limit);

/// Keeps our name registered with this machine's epmd: as long as the connection is open, epmd
/// knows us. Owned by Node. Losing epmd is normal: it is asked again every `retry` until run() is
/// cancelled; FaultLog decides what the log says of it.
class EpmdRegistration {
 public:
  EpmdRegistration(boost::asio::io_context& context, std::string name, std::uint16_t epmd_port,
                   std::chrono::steady_clock::duration retry);

  /// Tries once. Errors: conflict (the name is taken), unavailable (no epmd).
  Task<> enroll(std::uint16_t port);
  /// Waits for epmd to go away and enrolls again, for ever.
  boost::asio::awaitable<void> run(std::uint16_t port);
  bool is_registered() const { return is_registered_; }
  void leave();

 private:
  boost::asio::io_context& context_;
  std::string name_;
  std::uint16_t epmd_port_;
  std::chrono::steady_clock::duration retry_;
  Channel::Socket socket_;
  bool is_registered_ = false;
};

}  // namespace muster::dist
