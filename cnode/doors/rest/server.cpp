#include "doors/rest/server.h"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <fstream>

#include "base/log.h"
#include "base/timeout.h"

namespace muster::doors::rest {

using tcp = asio::ip::tcp;
using boost::system::error_code;

std::string url_of(tcp::endpoint endpoint, bool is_tls, bool is_local) {
  auto address = endpoint.address();
  if (is_local && address.is_unspecified())
    address = address.is_v6() ? asio::ip::address(asio::ip::address_v6::loopback())
                              : asio::ip::address(asio::ip::address_v4::loopback());
  auto host = address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
  return fmt::format("{}://{}:{}", is_tls ? "https" : "http", host, endpoint.port());
}

std::string neighbourhood(const asio::ip::address& address) {
  if (!address.is_v6()) return address.to_string();
  auto v6 = address.to_v6();
  auto bytes = v6.to_bytes();
  constexpr std::size_t network = 8;
  std::fill(bytes.begin() + network, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string() + "/64";
}

Server::Server(asio::any_io_executor executor, const ops::Table& table, ops::EventBus& events,
               const ops::TokenStore& tokens, const Clock& clock, ServerOptions options)
    : options_(std::move(options)),
      tickets_(clock),
      dispatcher_(table, tokens, tickets_),
      shared_{dispatcher_, events, options_.limits, options_.budget, Crowd(options_.connections)},
      acceptor_(executor),
      accepting_(executor),
      serving_(executor) {}

Result<std::optional<asio::ssl::context>> Server::load_certificate() const {
  std::optional<asio::ssl::context> loaded;
  if (options_.certificate.empty() && options_.key.empty()) return loaded;
  if (options_.certificate.empty() || options_.key.empty())
    return Error(Errc::bad_request, "HTTPS needs a certificate and a key");
  auto& context = loaded.emplace(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  error_code ec;
  context.use_certificate_chain_file(options_.certificate, ec);
  if (ec) return Error(ec, "read the certificate " + options_.certificate.string());
  context.use_private_key_file(options_.key, asio::ssl::context::pem, ec);
  if (ec) return Error(ec, "read the key " + options_.key.string());
  return loaded;
}

Result<bool> Server::reload_certificate() {
  TRY(auto fresh, load_certificate());
  if (!fresh) return false;
  tls_ = std::move(fresh);
  return true;
}

Result<> Server::listen() {
  TRY(tls_, load_certificate());
  auto doing = fmt::format("listen on {}:{}", options_.address, options_.port);
  error_code ec;
  tcp::resolver resolver(acceptor_.get_executor());
  auto found =
      resolver.resolve(options_.address, std::to_string(options_.port), tcp::resolver::passive, ec);
  if (ec) return Error(ec, doing);
  auto endpoint = found.begin()->endpoint();
  acceptor_.open(endpoint.protocol(), ec);
  if (ec) return Error(ec, doing);
  acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(false), ec);
  acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
  if (ec) {
    error_code ignored;
    acceptor_.close(ignored);
    return Error(ec, doing);
  }
  if (!options_.announce.empty()) {
    std::ofstream file(options_.announce);
    auto url = url_of(acceptor_.local_endpoint(), tls_.has_value(), true);
    if (!(file << url << '\n' << std::flush))
      return Error(Errc::unavailable, "write " + options_.announce.string());
  }
  accepting_.spawn("rest: accepting", run_accepting());
  return {};
}

asio::awaitable<void> Server::run_accepting() {
  for (;;) {
    auto [ec, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {  // no file descriptors left, most likely
      log::warn("rest: accept: {}", ec.message());
      co_await pause(std::chrono::milliseconds(100));
      continue;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto address = socket.remote_endpoint(ignored).address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    auto from = neighbourhood(address);
    if (!shared_.crowd.make_room_for(from)) {
      constexpr std::string_view full =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\n"
          "Connection: close\r\n\r\n";
      socket.non_blocking(true, ignored);
      if (!tls_) socket.write_some(asio::buffer(full.data(), full.size()), ignored);
      continue;
    }
    auto stream = tls_ ? tls_stream(std::move(socket), *tls_) : plain_stream(std::move(socket));
    auto connection =
        std::make_shared<Connection>(std::move(stream), address.to_string(), from, shared_);
    shared_.crowd.enter(*connection, from);
    connections_.push_back(connection);
    serving_.spawn("rest: connection", serve(std::move(connection)));
  }
}

void Server::dismiss(const std::string& caller) {
  tickets_.drop(caller);
  for (auto& connection : connections_)
    if (connection->caller() == caller) connection->dismiss();
}

asio::awaitable<void> Server::serve(std::shared_ptr<Connection> connection) {
  struct Leave {
    Server& server;
    std::shared_ptr<Connection> connection;
    ~Leave() { server.connections_.remove(connection); }
  } leave{*this, connection};
  co_await Connection::run(connection);
}

asio::awaitable<void> Server::stop(std::chrono::seconds patience) {
  error_code ignored;
  shared_.is_stopping = true;
  if (acceptor_.is_open() && !options_.announce.empty()) {
    std::error_code gone;
    std::filesystem::remove(options_.announce, gone);
  }
  acceptor_.close(ignored);
  accepting_.cancel();
  co_await accepting_.join();
  for (auto& connection : connections_)
    if (connection->is_idle()) connection->close();
  constexpr std::chrono::milliseconds step{20};
  for (auto end = std::chrono::steady_clock::now() + patience;
       serving_.size() > 0 && std::chrono::steady_clock::now() < end;)
    co_await pause(step);
  serving_.cancel();
  for (auto& connection : connections_) connection->close();
  co_await serving_.join();
}

}  // namespace muster::doors::rest
