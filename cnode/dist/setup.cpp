#include "dist/setup.h"

#include "dist/byte_reader.h"
#include "dist/handshake.h"
#include "dist/link_error.h"

namespace muster::dist {
namespace {

// How a TLS record begins, read as the length of a frame: longer than any frame may be.
constexpr std::uint64_t tls_alert = 0x1503, tls_handshake = 0x1603;
static_assert(tls_alert > max_handshake_frame);

}  // namespace

Deadline::Deadline(boost::asio::io_context& context, Channel::Socket& socket,
                   std::chrono::steady_clock::duration limit)
    : timer_(context, limit), is_over_(std::make_shared<bool>(false)) {
  std::weak_ptr<bool> watched = is_over_;
  timer_.async_wait([watched, &socket](boost::system::error_code ec) {
    auto is_over = watched.lock();
    if (ec || !is_over) return;
    *is_over = true;
    boost::system::error_code ignored;
    socket.close(ignored);
  });
}

Deadline::~Deadline() = default;

Task<std::string> HandshakeFrames::read() {
  const std::size_t width = channel_.is_tls() ? 4 : 2;
  for (;;) {
    if (buffer_.size() >= width) {
      auto size = ByteReader(buffer_).number(width);
      if (!channel_.is_tls() && (size == tls_handshake || size == tls_alert))
        co_return Error(make_error_code(LinkError::tls), "it speaks TLS, we did not");
      if (size > max_handshake_frame)
        co_return Error(make_error_code(LinkError::protocol), "a handshake frame that is too long");
      if (buffer_.size() >= width + size) {
        auto frame = buffer_.substr(width, size);
        buffer_.erase(0, width + size);
        co_return frame;
      }
    }
    char chunk[2048];
    boost::system::error_code ec;
    auto count = channel_.read_some(chunk, sizeof chunk, ec);
    buffer_.append(chunk, count);
    if (ec == boost::asio::error::would_block)
      ec = co_await channel_.wait(Channel::Socket::wait_read);
    if (ec == make_error_code(LinkError::tls))
      co_return Error(ec, "the peer ended the TLS session: does it take our certificate?");
    if (ec) co_return Error(make_error_code(LinkError::closed), "closed during the handshake");
  }
}

Task<> HandshakeFrames::write(std::vector<std::string> frames) {
  std::string bytes;
  for (auto& frame : frames) {
    put_number(bytes, frame.size(), channel_.is_tls() ? 4 : 2);
    bytes += frame;
  }
  if (bytes.empty()) co_return Result<>();
  auto ec = co_await channel_.write(std::move(bytes));
  if (ec) co_return Error(make_error_code(LinkError::closed), "closed during the handshake");
  co_return Result<>();
}

}  // namespace muster::dist
