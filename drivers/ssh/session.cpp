#include "drivers/ssh/session.h"

#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <vector>

#include "base/clean_text.h"

namespace muster::drivers::ssh {
namespace {

constexpr std::uint64_t kMostOfAttempt = 64 * 1024, kMostBeforeVersion = 8 * 1024,
                        kMostBeforeLogin = 128 * 1024;
constexpr std::size_t kMostHeld = 32 << 20;

/// After these the session cannot go on.
bool is_fatal(long code) {
  switch (code) {
    case LIBSSH2_ERROR_INVALID_MAC:
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_DECRYPT:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_BAD_USE:
    case LIBSSH2_ERROR_SOCKET_RECV:
      return true;
    default:
      return false;
  }
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, std::string name)
    : socket_(std::move(socket)),
      name_(std::move(name)),
      last_heard_(std::chrono::steady_clock::now()),
      hold_off_(socket_.get_executor()) {
  [[maybe_unused]] static const int once = libssh2_init(0);
  raw_ = libssh2_session_init_ex(&allocate, &release, &reallocate, this);
  if (raw_ == nullptr) throw std::bad_alloc();
  libssh2_session_set_blocking(raw_, 0);
  libssh2_session_callback_set(raw_, LIBSSH2_CALLBACK_SEND, reinterpret_cast<void*>(&send_some));
  libssh2_session_callback_set(raw_, LIBSSH2_CALLBACK_RECV, reinterpret_cast<void*>(&receive_some));
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Session::~Session() {
  lost_ = true;  // nothing is sent or received any more, so this does not wait
  for (int i = 0; i < 20 && libssh2_session_free(raw_) == LIBSSH2_ERROR_EAGAIN; ++i) {
  }
}

LIBSSH2_SEND_FUNC(Session::send_some) {
  auto* self = static_cast<Session*>(*abstract);
  if (self->lost_) return -ECONNRESET;
  const auto count = ::send(socket, buffer, length, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
  const int error = errno;
  self->send_was_short_ = count < static_cast<ssize_t>(length);
  return count >= 0 ? count : -error;
}

LIBSSH2_RECV_FUNC(Session::receive_some) {
  (void)socket;
  return static_cast<Session*>(*abstract)->receive(static_cast<char*>(buffer), length, flags);
}

ssize_t Session::receive(char* buffer, std::size_t length, int flags) {
  if (!has_greeted_) {
    const auto result = receive_greeting(flags);
    if (result <= 0) return result;
  }
  if (version_.empty()) return take(buffer, length, flags);
  const auto count = std::min(length, version_.size());
  std::copy_n(version_.begin(), count, buffer);
  version_.remove_prefix(count);
  return static_cast<ssize_t>(count);
}

/// Byte by byte, for what follows is libssh2's. Positive: the version has begun.
ssize_t Session::receive_greeting(int flags) {
  for (char byte = 0;;) {
    const auto result = take(&byte, 1, flags);
    if (result <= 0) return result;
    if (!greeting_.feed(byte)) continue;
    has_greeted_ = true;
    version_ = Greeting::beginning;
    return result;
  }
}

/// libssh2 reads until there is nothing more, which a host may put off for ever: so for libssh2
/// there is nothing more when others are to have their turn.
ssize_t Session::take(char* buffer, std::size_t length, int flags) {
  if (lost_ || excess()) return -ECONNRESET;
  if (received_ - attempt_began_at_ >= kMostOfAttempt || turn_.is_over()) return -EAGAIN;
  const auto count = ::recv(descriptor(), buffer, length, flags | MSG_DONTWAIT);
  if (count > 0) {
    received_ += static_cast<std::uint64_t>(count);
    last_heard_ = std::chrono::steady_clock::now();
    return count;
  }
  const int error = errno;
  if (count == 0 || (error != EAGAIN && error != EINTR)) peer_closed_ = true;
  return count == 0 ? 0 : -error;
}

/// The host has sent more than any SSH server does.
std::optional<Error> Session::excess() const {
  const auto most = has_greeted_ ? kMostBeforeLogin : kMostBeforeVersion;
  if (!is_in_ && received_ >= most)
    return Error(Errc::unsupported,
                 fmt::format("it sent {} KiB and {}: does an SSH server listen on this port?",
                             most >> 10, has_greeted_ ? "has not let us in" : "not its version"));
  if (held_ >= kMostHeld)
    return Error(Errc::unavailable, fmt::format("it made us hold {} MiB", kMostHeld >> 20));
  return std::nullopt;
}

LIBSSH2_ALLOC_FUNC(Session::allocate) {
  void* bytes = std::malloc(count);
  static_cast<Session*>(*abstract)->held_ += ::malloc_usable_size(bytes);
  return bytes;
}

LIBSSH2_REALLOC_FUNC(Session::reallocate) {
  auto& held = static_cast<Session*>(*abstract)->held_;
  const auto before = ::malloc_usable_size(ptr);
  void* bytes = std::realloc(ptr, count);
  if (bytes != nullptr) held += ::malloc_usable_size(bytes) - before;
  return bytes;
}

LIBSSH2_FREE_FUNC(Session::release) {
  static_cast<Session*>(*abstract)->held_ -= ::malloc_usable_size(ptr);
  std::free(ptr);
}

asio::awaitable<long> Session::perform(std::function<long()> attempt) {
  auto keep = shared_from_this();
  if (lost_) co_return LIBSSH2_ERROR_SOCKET_DISCONNECT;
  Operation operation{
      std::move(attempt),
      asio::steady_timer(socket_.get_executor(), asio::steady_timer::time_point::max())};
  struct Place {  // however this coroutine ends, the operation is not tried any more
    Session& session;
    Operation& operation;
    ~Place() {
      session.operations_.remove(&operation);
      if (session.half_sent_ == &operation && !operation.is_done) {
        session.half_sent_ = nullptr;
        session.fail(Error(Errc::unavailable, "given up in the middle of a packet"));
      }
    }
  } place{*this, operation};
  if (operations_.empty()) waiting_since_ = std::chrono::steady_clock::now();
  operations_.push_back(&operation);
  drive();
  while (!operation.is_done) {
    auto [ec] = co_await operation.done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!operation.is_done) throw boost::system::system_error(ec);
  }
  co_return operation.result;
}

void Session::wake() {
  drive();
}

void Session::complete(Operation& operation, long result) {
  operation.result = result;
  operation.is_done = true;
  operations_.remove(&operation);
  operation.done.cancel();
}

void Session::drive() {
  if (is_driving_) return;
  is_driving_ = true;
  turn_ = Turn();
  bool again = true;
  while (again && !lost_ && !operations_.empty() && !turn_.is_over()) {
    again = false;
    const std::vector<Operation*> round(operations_.begin(), operations_.end());
    for (auto* operation : round) {
      if (lost_) break;
      if (half_sent_ != nullptr && half_sent_ != operation) continue;
      const auto before = received_;
      send_was_short_ = false;
      attempt_began_at_ = received_;
      const long result = operation->attempt();
      // What came may be for others, who found nothing when they were tried.
      if (received_ != before) again = true;
      if (auto error = excess()) {
        fail(std::move(*error));
        break;
      }
      if (result == LIBSSH2_ERROR_EAGAIN) {
        half_sent_ = send_was_short_ ? operation : nullptr;
        continue;
      }
      half_sent_ = nullptr;
      again = true;
      complete(*operation, result);
      if (is_fatal(result)) fail(Error(Errc::unavailable, "the connection was lost"));
    }
  }
  is_driving_ = false;
  if (peer_closed_ && !lost_)
    fail(Error(Errc::unavailable, "the connection was closed by the host"));
  if (again && !lost_ && !operations_.empty()) return drive_later();
  listen();
}

/// The turn is over, the work is not.
void Session::drive_later() {
  asio::post(socket_.get_executor(), [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->drive();
  });
}

void Session::listen() {
  if (lost_ || operations_.empty()) return;
  wait_for(asio::ip::tcp::socket::wait_read, is_reading_);
  if (half_sent_ != nullptr) wait_for(asio::ip::tcp::socket::wait_write, is_writing_);
}

void Session::wait_for(asio::ip::tcp::socket::wait_type what, bool& is_armed) {
  if (is_armed) return;
  is_armed = true;
  auto ready = [weak = weak_from_this(), &is_armed, what](boost::system::error_code ec) {
    auto self = weak.lock();
    if (!self) return;
    is_armed = false;
    if (ec || self->lost_) return;
    const auto before = self->received_;
    if (what == asio::ip::tcp::socket::wait_read && self->operations_.empty()) return;
    if (what == asio::ip::tcp::socket::wait_read) is_armed = true;  // not again from in there
    self->drive();
    if (what != asio::ip::tcp::socket::wait_read) return;
    is_armed = false;
    if (self->received_ != before) return self->listen();
    // Something is there that nobody reads (what waits, waits for something else): no busy loop.
    auto later = [weak](boost::system::error_code failed) {
      if (auto session = weak.lock(); session && !failed) session->listen();
    };
    self->hold_off_.expires_after(std::chrono::milliseconds(20));
    self->hold_off_.async_wait(later);
  };
  socket_.async_wait(what, std::move(ready));
}

void Session::fail(Error reason) {
  if (lost_) return;
  lost_ = true;
  reason_ = std::move(reason);
  half_sent_ = nullptr;
  while (!operations_.empty()) complete(*operations_.front(), LIBSSH2_ERROR_SOCKET_DISCONNECT);
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Error Session::reason(const std::string& doing) const {
  if (lost_) {
    Error lost = reason_;
    lost.message = fmt::format("{} on {}: {}", doing, name_, lost.message);
    return lost;
  }
  char* text = nullptr;
  libssh2_session_last_error(raw_, &text, nullptr, 0);
  return Error(Errc::unavailable, fmt::format("{} on {}: {}", doing, name_,
                                              clean_text(text == nullptr ? "" : text, 500)));
}

std::chrono::steady_clock::duration Session::silence() const {
  if (operations_.empty()) return {};
  return std::chrono::steady_clock::now() - std::max(last_heard_, waiting_since_);
}

void Session::ask_for_life() {
  if (lost_ || half_sent_ != nullptr) return;
  // libssh2 takes a request that the socket did not take for sent: ask only where there is room.
  pollfd writable{socket_.native_handle(), POLLOUT, 0};
  if (::poll(&writable, 1, 0) != 1) return;
  int next = 0;
  libssh2_keepalive_config(raw_, 1, 2);
  libssh2_keepalive_send(raw_, &next);
}

}  // namespace muster::drivers::ssh
