#include "doors/rest/websocket.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "ops/base64.h"
#include "ops/json_text.h"

namespace muster::doors::rest {
namespace {

namespace json = boost::json;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

/// A Stream as Beast wants the layer below.
class Layer {
 public:
  using executor_type = asio::any_io_executor;
  explicit Layer(Stream& stream) : stream_(&stream) {}

  executor_type get_executor() { return stream_->executor(); }
  Stream& stream() { return *stream_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return stream_->async_read_some(first<asio::mutable_buffer>(buffers),
                                    std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return stream_->async_write_some(first<asio::const_buffer>(buffers),
                                     std::forward<Token>(token));
  }

 private:
  template <class Buffer, class Buffers>
  static Buffer first(const Buffers& buffers) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
         ++at)
      if (Buffer buffer(*at); buffer.size() > 0) return buffer;
    return {};
  }

  Stream* stream_;
};

// How Beast ends the layer below; it finds these by the type of their argument.
[[maybe_unused]] void teardown(beast::role_type, Layer& layer, error_code& ec) {
  layer.stream().close();
  ec = {};
}

template <class Handler>
void async_teardown(beast::role_type, Layer& layer, Handler&& handler) {
  layer.stream().close();
  auto bound = [handler = std::forward<Handler>(handler)]() mutable { handler(error_code()); };
  asio::post(layer.get_executor(), std::move(bound));
}

[[maybe_unused]] void beast_close_socket(Layer& layer) {
  layer.stream().close();
}

constexpr bool with_deflate = false;
using Socket = websocket::stream<Layer, with_deflate>;

std::string gap_frame(const ops::Gap& gap) {
  return ops::json_text(json::object{{"topic", "gap"}, {"data", {{"lost", gap.lost}}}});
}

asio::awaitable<void> write_events(Socket& socket, ops::Subscription& events) {
  for (;;) {
    auto delivery = co_await events.next();
    if (!delivery) {
      co_await socket.async_close(websocket::close_code::going_away,
                                  asio::as_tuple(asio::use_awaitable));
      co_return;
    }
    auto* event = std::get_if<ops::EventPtr>(&*delivery);
    std::string gap;
    if (!event) gap = gap_frame(std::get<ops::Gap>(*delivery));
    auto buffer = asio::buffer(event ? (*event)->frame() : gap);
    auto [ec, count] = co_await socket.async_write(buffer, asio::as_tuple(asio::use_awaitable));
    if (ec) co_return;
  }
}

asio::awaitable<void> read_until_closed(Socket& socket) {
  beast::flat_buffer ignored;
  for (;;) {
    auto [ec, count] = co_await socket.async_read(ignored, asio::as_tuple(asio::use_awaitable));
    if (ec) co_return;
    ignored.clear();
  }
}

}  // namespace

Result<> check_upgrade(const RequestHead& head) {
  auto refused = [](const char* why) { return Error(Errc::bad_request, why); };
  if (head.verb != "GET" || !head.is_http_1_1)
    return refused("a WebSocket opens by GET and HTTP/1.1");
  if (head.header("Sec-WebSocket-Version") != "13")
    return refused("Sec-WebSocket-Version must be 13");
  ops::Blob key;
  ops::Base64Decoder decoder;
  constexpr std::size_t key_size = 16;
  if (!decoder.feed(head.header("Sec-WebSocket-Key"), key) || !decoder.finish() ||
      key.size() != key_size)
    return refused("Sec-WebSocket-Key must be 16 bytes as base64");
  return {};
}

asio::awaitable<void> run_websocket(Stream& stream, RequestHead head,
                                    std::unique_ptr<ops::Subscription> events) {
  using namespace asio::experimental::awaitable_operators;
  Socket socket(stream);
  constexpr std::chrono::seconds handshake_limit{10}, idle_limit{60};
  socket.set_option(websocket::stream_base::timeout{handshake_limit, idle_limit, true});
  constexpr std::size_t message_limit = 4096;
  socket.read_message_max(message_limit);
  socket.text(true);

  beast::http::request<beast::http::empty_body> request;
  request.method(beast::http::verb::get);
  request.target(head.target);
  constexpr unsigned http_1_1 = 11;
  request.version(http_1_1);
  for (auto& [name, value] : head.headers) request.insert(name, value);
  auto [ec] = co_await socket.async_accept(request, asio::as_tuple(asio::use_awaitable));
  if (ec) co_return;
  co_await (write_events(socket, *events) || read_until_closed(socket));
}

}  // namespace muster::doors::rest
