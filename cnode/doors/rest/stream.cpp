#include "doors/rest/stream.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster::doors::rest {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;

class PlainStream final : public Stream {
 public:
  explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}

  Task<> handshake() override { co_return Result<>(); }
  asio::awaitable<void> shutdown() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  asio::any_io_executor executor() override { return socket_.get_executor(); }

 protected:
  void start_read(asio::mutable_buffer b, asio::cancellation_slot slot, Handler handler) override {
    socket_.async_read_some(b, asio::bind_cancellation_slot(slot, std::move(handler)));
  }
  void start_write(asio::const_buffer b, asio::cancellation_slot slot, Handler handler) override {
    socket_.async_write_some(b, asio::bind_cancellation_slot(slot, std::move(handler)));
  }

 private:
  tcp::socket socket_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context& context) : ssl_(std::move(socket), context) {}

  Task<> handshake() override {
    auto [ec] = co_await ssl_.async_handshake(asio::ssl::stream_base::server,
                                              asio::as_tuple(asio::use_awaitable));
    if (ec) co_return Error(ec, "TLS handshake");
    co_return Result<>();
  }
  asio::awaitable<void> shutdown() override {
    co_await ssl_.async_shutdown(asio::as_tuple(asio::use_awaitable));
    error_code ignored;
    ssl_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    ssl_.next_layer().close(ignored);
  }
  asio::any_io_executor executor() override { return ssl_.get_executor(); }

 protected:
  void start_read(asio::mutable_buffer b, asio::cancellation_slot slot, Handler handler) override {
    ssl_.async_read_some(b, asio::bind_cancellation_slot(slot, std::move(handler)));
  }
  void start_write(asio::const_buffer b, asio::cancellation_slot slot, Handler handler) override {
    ssl_.async_write_some(b, asio::bind_cancellation_slot(slot, std::move(handler)));
  }

 private:
  asio::ssl::stream<tcp::socket> ssl_;
};

}  // namespace

Task<std::size_t> Stream::read(asio::mutable_buffer buffer) {
  auto [ec, count] = co_await async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
  auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated) co_return 0;
  if (ec) co_return Error(ec, "read");
  co_return count;
}

Task<> Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto buffer = asio::buffer(bytes.data(), bytes.size());
    auto [ec, count] = co_await async_write_some(buffer, asio::as_tuple(asio::use_awaitable));
    auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    if (ec) co_return Error(ec, "write");
    bytes.remove_prefix(count);
  }
  co_return Result<>();
}

std::shared_ptr<Stream> plain_stream(tcp::socket socket) {
  return std::make_shared<PlainStream>(std::move(socket));
}

std::shared_ptr<Stream> tls_stream(tcp::socket socket, asio::ssl::context& context) {
  return std::make_shared<TlsStream>(std::move(socket), context);
}

}  // namespace muster::doors::rest
