#pragma once

#include <libssh2.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/slots.h"
#include "base/turn.h"
#include "drivers/ssh/greeting.h"

namespace muster::drivers::ssh {

/// One SSH connection: libssh2's session on a socket of Asio's, never blocking.
///
/// libssh2 returns EAGAIN wherever it would wait, and wants the same call again. So every call is
/// an operation handed to perform(), which tries it whenever bytes have come or can go. Operations
/// of several channels wait beside each other; but a packet that is sent in part must be finished
/// by the operation that began it, so that one alone is tried until the socket has taken the rest.
/// Calls that keep their state in the session rather than in a channel (opening channels) are to
/// hold `opening` meanwhile.
///
/// What a host can make it do is bounded: an attempt takes 64 KiB, all attempts of a turn 5 ms, and
/// then others have their turn; what libssh2 holds is 32 MiB. A host that says 8 KiB before its
/// version, or 128 KiB without having let us in, is none.
///
/// Owned by those who use it (shared). Lives on SSH's thread. When the peer is gone, all operations
/// end with an error code, and so does every later one; reason() then says why. The arithmetic of
/// the key exchange takes about 10 ms once per connection, 25 ms with keys that are slow to verify.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// The socket is connected. `name` is the host's, for messages.
  Session(asio::ip::tcp::socket socket, std::string name);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  LIBSSH2_SESSION* raw() const { return raw_; }
  int descriptor() { return socket_.native_handle(); }

  /// Tries `attempt` until it gives something else than LIBSSH2_ERROR_EAGAIN, and gives that. What
  /// it refers to must live as long as the caller. Cancelling a half-sent packet ends the session.
  asio::awaitable<long> perform(std::function<long()> attempt);
  /// Tries again what waits for something that is not the socket.
  void wake();

  /// Ends it: the peer is gone, or we do not want it any more. The first reason stays.
  void fail(Error reason);
  bool is_lost() const { return lost_; }
  /// Once lost, or after an operation that failed: why.
  Error reason(const std::string& doing) const;

  /// For how long something has been waited for without a byte from the host.
  std::chrono::steady_clock::duration silence() const;
  /// The host has let us in: it may send as much as it likes from now on.
  void let_in() { is_in_ = true; }
  /// Asks the host for a sign of life, where that cannot get stuck half sent.
  void ask_for_life();

  Slots opening{1};
  std::size_t users = 0;  ///< jobs at work on it

 private:
  struct Operation {
    std::function<long()> attempt;
    asio::steady_timer done;
    long result = LIBSSH2_ERROR_SOCKET_DISCONNECT;
    bool is_done = false;
  };

  static LIBSSH2_SEND_FUNC(send_some);
  static LIBSSH2_RECV_FUNC(receive_some);
  static LIBSSH2_ALLOC_FUNC(allocate);
  static LIBSSH2_REALLOC_FUNC(reallocate);
  static LIBSSH2_FREE_FUNC(release);
  ssize_t receive(char* buffer, std::size_t length, int flags);
  ssize_t receive_greeting(int flags);
  ssize_t take(char* buffer, std::size_t length, int flags);
  std::optional<Error> excess() const;
  void drive();
  void drive_later();
  void complete(Operation& operation, long result);
  void listen();
  void wait_for(asio::ip::tcp::socket::wait_type what, bool& is_armed);

  asio::ip::tcp::socket socket_;
  std::string name_;
  LIBSSH2_SESSION* raw_;
  std::list<Operation*> operations_;
  Operation* half_sent_ = nullptr;  // the operation whose packet the socket did not take whole
  bool send_was_short_ = false;
  bool is_reading_ = false, is_writing_ = false, is_driving_ = false;
  bool peer_closed_ = false, lost_ = false, is_in_ = false;
  std::uint64_t received_ = 0, attempt_began_at_ = 0;  ///< bytes from the host
  std::size_t held_ = 0;                               ///< what libssh2 has allocated
  Turn turn_;
  Greeting greeting_;
  std::string_view version_;  ///< its beginning, that libssh2 has not read yet
  bool has_greeted_ = false;
  std::chrono::steady_clock::time_point last_heard_, waiting_since_;
  asio::steady_timer hold_off_;
  Error reason_;
};

}  // namespace muster::drivers::ssh
