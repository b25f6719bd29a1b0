#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace muster::test {

/// A WebSocket client of a test: just enough of RFC 6455 to be sent events, on a blocking socket.
class WebSocket {
 public:
  /// Asks for an upgrade at `target`; status() says what came of it. `header` is one more line,
  /// "Authorization: …".
  WebSocket(std::uint16_t port, const std::string& target, const std::string& header = "");
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;

  int status() const { return status_; }
  /// The next text frame, as JSON; nothing when none comes in time or the server closes. Pings are
  /// answered.
  std::optional<boost::json::object> next(
      std::chrono::milliseconds limit = std::chrono::seconds(10));

 private:
  bool fill(std::size_t size, std::chrono::steady_clock::time_point end);

  int socket_ = -1;
  int status_ = 0;
  std::string buffer_;
};

}  // namespace muster::test
