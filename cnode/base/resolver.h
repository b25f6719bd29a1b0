#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/look_up.h"
#include "base/result.h"

namespace muster {

/// Addresses of hosts, so that thousands of hosts that nobody can resolve, or a name service that
/// does not answer, hold up no other host: one look-up per host at a time, shared by all who ask,
/// and its outcome, good or bad, kept for a while. A look-up that takes longer than one who asks
/// should wait goes on, also when who asked is gone; until it ends, everybody is told at once what
/// was known before. Lives on its executor.
class Resolver {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Done = std::function<void(Result<Addresses>)>;
  /// Begins a look-up, of a host with which it went so the last time. `done` is called later, or
  /// never; it may outlive the Resolver.
  using LookUp = std::function<void(const std::string& host, HostIs last, Done done)>;
  struct Times {
    std::chrono::steady_clock::duration patience;        ///< of one who asks
    std::chrono::steady_clock::duration patience_known;  ///< where the host was known before
    std::chrono::steady_clock::duration kept;            ///< so long an outcome is good enough
  };

  Resolver(asio::any_io_executor executor, LookUp look_up, Times times)
      : executor_(std::move(executor)), look_up_(std::move(look_up)), times_(times) {}

  /// Of a host name, or a literal address, which needs no look-up. Errors: what the look-up said;
  /// timeout.
  Task<Addresses> resolve(std::string host);

 private:
  struct Host;
  void make_room();

  asio::any_io_executor executor_;
  LookUp look_up_;
  Times times_;
  std::unordered_map<std::string, std::shared_ptr<Host>> hosts_;
};

/// By SystemLookUp, which ends with the last copy of this.
Resolver::LookUp system_look_up(asio::any_io_executor executor);

}  // namespace muster
