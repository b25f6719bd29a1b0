#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/look_up.h"

namespace muster::drivers::ssh {

/// Addresses of hosts. One look-up per name at a time, shared by all who ask, so that names which
/// nobody answers for do not pile up however often they are asked for; it goes on when who asked is
/// gone. While nobody answers, the addresses of the last answer do. Lives on SSH's thread.
class Names {
 public:
  using Addresses = SystemLookUp::Addresses;
  using LookUp = std::function<void(const std::string& host, bool is_known, SystemLookUp::Done)>;

  /// `patience` is how long a host that was known before waits for new addresses.
  Names(asio::any_io_executor executor, LookUp look_up,
        std::chrono::steady_clock::duration patience = std::chrono::seconds(2));

  /// Of a host name, or a literal address, which needs no look-up. May take as long as the look-up:
  /// cancel it. Errors: what the look-up said.
  Task<Addresses> resolve(std::string host);

 private:
  struct Name;
  asio::any_io_executor executor_;
  LookUp look_up_;
  std::chrono::steady_clock::duration patience_;
  std::map<std::string, std::shared_ptr<Name>> names_;  // no more than hosts that are in use
};

/// By SystemLookUp, which ends with the last copy of this.
Names::LookUp system_look_up(asio::any_io_executor executor);

}  // namespace muster::drivers::ssh
