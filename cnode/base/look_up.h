#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster {

/// Host names by the system: getaddrinfo, on threads that are made when the first name comes: a few
/// for hosts that are known, more for others, so that names which nobody answers for keep neither
/// those nor each other waiting for long. Asio's own resolver has one thread for everybody. Lives
/// on `executor`. Its end waits for nothing: a look-up that is under way (the system's limit, often
/// 10 s and more) tells nobody, and its thread ends after it, or with the program.
class SystemLookUp {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Done = std::function<void(Result<Addresses>)>;
  /// getaddrinfo, or what stands for it. Blocks; called on several threads.
  using Ask = std::function<Result<Addresses>(const std::string& host)>;

  /// By the system.
  explicit SystemLookUp(asio::any_io_executor executor);
  SystemLookUp(asio::any_io_executor executor, Ask ask);
  ~SystemLookUp();

  /// Begins a look-up, of a host whose addresses are known already or not. `done` is called later
  /// on the executor, or never, and may outlive this. Errors: timeout (nobody answers just now),
  /// not_found.
  void begin(const std::string& host, bool is_known, Done done);

 private:
  class Threads;
  std::shared_ptr<Threads> known_, others_;
};

}  // namespace muster
