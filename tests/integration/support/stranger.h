#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace muster::test {

/// A connection to a daemon's port by somebody who may say anything. Nothing here waits for long,
/// and nothing fails a test: what the other side does with it is asked for. Closed with this
/// object.
class Stranger {
 public:
  using Limit = std::chrono::milliseconds;

  /// From this address, where one is given. Throws std::runtime_error when nobody listens there.
  explicit Stranger(std::uint16_t port, const std::string& from = {});
  ~Stranger();
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  /// False when not all of it was taken within the limit, or the other side is gone.
  bool say(const std::string& bytes, Limit limit = Limit(2000));
  void end_sending();
  /// Exactly so many bytes; fewer when the other side is gone or too slow.
  std::string hear(std::size_t count, Limit limit = Limit(5000));
  /// Has the other side closed? Waits for that up to `limit`; what it says is thrown away.
  bool is_hung_up(Limit limit = Limit(0));

 private:
  int socket_;
};

/// Who the daemon takes a bad peer for.
struct Credentials {
  std::string name = "bad@127.0.0.1";
  std::string cookie = "cookie";
  std::string daemon = "muster@127.0.0.1";
};

/// A peer that knows the cookie, and behaves badly afterwards.
class Insider : public Stranger {
 public:
  explicit Insider(std::uint16_t port, const Credentials& credentials = {});

  bool is_in() const { return is_in_; }  ///< the handshake went well
  /// One frame of the distribution: its length, then this.
  bool frame(const std::string& body);

 private:
  bool is_in_ = false;
};

}  // namespace muster::test
