#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster {

/// How it went with a host the last time.
enum class HostIs {
  fresh,   ///< nobody knows, or it had no addresses
  known,   ///< it has addresses
  silent,  ///< nobody answered, whatever was known before
};

/// Host names by the system: getaddrinfo, on threads that are made when they are needed: 64 for
/// fresh hosts, 4 for known and 16 for silent ones. A name that nobody answers for keeps a thread
/// for about 10 s, but a fresh one does so once and is silent from then on. After a restart, when
/// all are fresh, 1,000 dead names hold up another fresh host by 1,000 * 10 s / 64 = 160 s at most,
/// and later not at all; each other by 1,000 * 10 s / 16 = 10 min. Threads that wait cost little.
/// Asio's own resolver has one for everybody. Lives on `executor`. Its end waits for nothing: a
/// look-up that is under way tells nobody, and its thread ends after it, or with the program.
class SystemLookUp {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Done = std::function<void(Result<Addresses>)>;
  /// getaddrinfo, or what stands for it. Blocks; called on several threads.
  using Ask = std::function<Result<Addresses>(const std::string& host)>;

  /// Begins a thread, or throws std::system_error.
  using Spawn = std::function<void(std::function<void()> work)>;

  /// By the system.
  explicit SystemLookUp(asio::any_io_executor executor);
  SystemLookUp(asio::any_io_executor executor, const Ask& ask);
  SystemLookUp(asio::any_io_executor executor, const Ask& ask, const Spawn& spawn);
  ~SystemLookUp();

  /// Begins a look-up. `done` is called later on the executor, or never, and may outlive this.
  /// Errors: timeout (nobody answers just now), not_found.
  void begin(const std::string& host, HostIs last, Done done);

  /// What an error of getaddrinfo says: not_found is an answer; a name service or a system that is
  /// in trouble gives none, which is timeout.
  static Error error_of(const std::string& host, const boost::system::error_code& ec);

 private:
  class Threads;
  std::shared_ptr<Threads> fresh_, known_, silent_;
};

}  // namespace muster
