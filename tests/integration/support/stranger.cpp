#include "stranger.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "dist/byte_reader.h"
#include "dist/handshake.h"

namespace muster::test {
namespace {

using Clock = std::chrono::steady_clock;

/// False: the time is over.
bool is_ready(int socket, short what, Clock::time_point until) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd asked{socket, what, 0};
  return ::poll(&asked, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
}

}  // namespace

Stranger::Stranger(std::uint16_t port, const std::string& from)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (sockaddr_in own{}; !from.empty()) {
    own.sin_family = AF_INET;
    ::inet_pton(AF_INET, from.c_str(), &own.sin_addr);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&own), sizeof own);
  }
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
    ::close(socket_);
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  }
}

Stranger::~Stranger() {
  ::close(socket_);
}

bool Stranger::say(const std::string& bytes, Limit limit) {
  const auto until = Clock::now() + limit;
  for (std::size_t at = 0; at < bytes.size();) {
    auto sent = ::send(socket_, bytes.data() + at, bytes.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += static_cast<std::size_t>(sent);
    } else if ((errno != EAGAIN && errno != EINTR) || !is_ready(socket_, POLLOUT, until)) {
      return false;
    }
  }
  return true;
}

void Stranger::end_sending() {
  ::shutdown(socket_, SHUT_WR);
}

std::string Stranger::hear(std::size_t count, Limit limit) {
  const auto until = Clock::now() + limit;
  std::string heard(count, '\0');
  std::size_t have = 0;
  while (have < count && is_ready(socket_, POLLIN, until)) {
    auto came = ::recv(socket_, heard.data() + have, count - have, MSG_DONTWAIT);
    if (came <= 0) break;
    have += static_cast<std::size_t>(came);
  }
  heard.resize(have);
  return heard;
}

bool Stranger::is_hung_up(Limit limit) {
  const auto until = Clock::now() + limit;
  char bytes[4096];
  do {
    if (!is_ready(socket_, POLLIN, until)) return false;
    auto came = ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (came == 0 || (came < 0 && errno != EAGAIN && errno != EINTR)) return true;
  } while (Clock::now() < until);
  return false;
}

Insider::Insider(std::uint16_t port, const Credentials& credentials) : Stranger(port) {
  dist::ClientHandshake handshake({credentials.name, 77, 4711}, credentials.daemon,
                                  Secret(credentials.cookie));
  auto step = handshake.start();
  while (step.next == dist::HandshakeStep::Next::read) {
    for (auto& frame : step.frames) {
      std::string bytes;
      dist::put16(bytes, frame.size());
      say(bytes + frame);
    }
    auto size = hear(2);
    if (size.size() < 2) return;
    step = handshake.resume(hear(dist::ByteReader(size).number(2)));
  }
  is_in_ = step.next == dist::HandshakeStep::Next::done;
}

bool Insider::frame(const std::string& body) {
  std::string bytes;
  dist::put32(bytes, body.size());
  return say(bytes + body);
}

}  // namespace muster::test
