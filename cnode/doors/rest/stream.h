#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>

#include "base/result.h"

namespace muster::doors::rest {

/// A TCP or TLS connection with its kind forgotten, so that HTTP and WebSocket code is compiled
/// once. Owned by its Connection and by each operation under way (Beast has some that nobody waits
/// for: its pings); lives on the loop; one read and one write at a time.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Handler = std::function<void(boost::system::error_code, std::size_t)>;

  virtual ~Stream() = default;
  /// TLS's handshake; nothing on plain TCP.
  virtual Task<> handshake() = 0;
  /// Says goodbye: TLS's close_notify, TCP's FIN. What the other side still sends can be read.
  virtual asio::awaitable<void> shutdown() = 0;
  /// At once; waiting operations end.
  virtual void close() = 0;
  virtual asio::any_io_executor executor() = 0;

  /// Asio's way, for Beast and use_awaitable.
  template <class Token>
  auto async_read_some(asio::mutable_buffer buffer, Token&& token) {
    return initiate(&Stream::start_read, buffer, std::forward<Token>(token));
  }
  template <class Token>
  auto async_write_some(asio::const_buffer buffer, Token&& token) {
    return initiate(&Stream::start_write, buffer, std::forward<Token>(token));
  }

  /// How many bytes came, 0 at the end. Error: the connection's.
  Task<std::size_t> read(asio::mutable_buffer buffer);
  /// All of it.
  Task<> write(std::string_view bytes);

 protected:
  virtual void start_read(asio::mutable_buffer, asio::cancellation_slot, Handler) = 0;
  virtual void start_write(asio::const_buffer, asio::cancellation_slot, Handler) = 0;

 private:
  template <class Start, class Buffer, class Token>
  auto initiate(Start start, Buffer buffer, Token&& token) {
    auto body = [this, start, buffer](auto handler) {
      auto slot = asio::get_associated_cancellation_slot(handler);
      auto kept = std::make_shared<decltype(handler)>(std::move(handler));
      (this->*start)(
          buffer, slot,
          [kept, self = shared_from_this()](boost::system::error_code ec, std::size_t count) {
            auto taken = std::move(*kept);
            std::move(taken)(ec, count);
          });
    };
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(body, token);
  }
};

std::shared_ptr<Stream> plain_stream(asio::ip::tcp::socket socket);
std::shared_ptr<Stream> tls_stream(asio::ip::tcp::socket socket, asio::ssl::context& context);

}  // namespace muster::doors::rest
