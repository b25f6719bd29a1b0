#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster {

/// Host names by the system: getaddrinfo, on threads that are made when the first name comes: a few
/// for hosts that are known, more for others, so that names which nobody answers for keep neither
/// those nor each other waiting for long. Asio's own resolver has one thread for everybody. Lives
/// on `executor`. Its end waits for what is under way (the system's limit, often 10 s), so the
/// executor outlives it.
class SystemLookUp {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Done = std::function<void(Result<Addresses>)>;

  explicit SystemLookUp(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Begins a look-up, of a host whose addresses are known already or not. `done` is called later
  /// on the executor, or never, and may outlive this. Errors: timeout (nobody answers just now),
  /// not_found.
  void begin(const std::string& host, bool is_known, Done done);

 private:
  asio::any_io_executor executor_;
  std::optional<asio::thread_pool> known_, others_;
};

}  // namespace muster
