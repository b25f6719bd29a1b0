#include "websocket.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace muster::test {

using std::chrono::steady_clock;

WebSocket::WebSocket(std::uint16_t port, const std::string& target, const std::string& header) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  auto request = "GET " + target +
                 " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  if (!header.empty()) request += header + "\r\n";
  request += "\r\n";
  if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return;
  const auto end = steady_clock::now() + std::chrono::seconds(10);
  std::size_t head = std::string::npos;
  while ((head = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!fill(buffer_.size() + 1, end)) return;
  constexpr std::size_t status_at = 9;  // behind "HTTP/1.1 "
  status_ = std::atoi(buffer_.c_str() + status_at);
  buffer_.erase(0, head + 4);
}

WebSocket::~WebSocket() {
  ::close(socket_);
}

bool WebSocket::fill(std::size_t size, steady_clock::time_point end) {
  while (buffer_.size() < size) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd waiting{socket_, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
    char bytes[4096];
    const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<boost::json::object> WebSocket::next(std::chrono::milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  for (;;) {
    if (!fill(2, end)) return std::nullopt;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(buffer_[i]); };
    const int opcode = at(0) & 0x0f;
    std::size_t size = at(1) & 0x7f;
    std::size_t head = 2;
    if (size == 126) {
      if (!fill(4, end)) return std::nullopt;
      size = at(2) << 8 | at(3);
      head = 4;
    } else if (size == 127) {
      throw std::runtime_error("a frame of more than 64 KiB");
    }
    if (!fill(head + size, end)) return std::nullopt;
    const auto payload = buffer_.substr(head, size);
    buffer_.erase(0, head + size);
    if (opcode == 1) return boost::json::parse(payload).as_object();
    if (opcode == 8) return std::nullopt;
    if (opcode == 9) {  // a ping: the masked pong carries the same bytes, the mask being zero
      std::string pong{static_cast<char>(0x8a), static_cast<char>(0x80 | payload.size())};
      pong += std::string(4, '\0') + payload;
      if (::send(socket_, pong.data(), pong.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    }
  }
}

}  // namespace muster::test
