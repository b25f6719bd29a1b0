#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <list>
#include <optional>

#include "base/task_group.h"
#include "doors/rest/connection.h"

namespace muster::doors::rest {

/// "http://127.0.0.1:8080". With `is_local`, where a client on this machine finds what listens
/// there: at the loopback address if on any.
std::string url_of(boost::asio::ip::tcp::endpoint endpoint, bool is_tls, bool is_local);

/// Whose connections are counted together: an address, or of IPv6 the network of 64 bits, of which
/// one host has as many addresses as it likes.
std::string neighbourhood(const asio::ip::address& address);

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;               ///< 0: any free one
  std::filesystem::path certificate, key;  ///< PEM; both given: HTTPS
  std::filesystem::path announce;  ///< the file its local URL is written to, for the command line
  Crowd::Bounds connections = {};
  Limits limits = {};
  Budget* budget = nullptr;  ///< what callers hold is claimed there; null: not counted
};

/// The REST door: HTTP/1.1 or HTTPS on a side port. Made by app, which adds ticket_operation() to
/// the table; lives on the loop. listen() once, stop() before the io_context ends.
/// `table`, `events`, `tokens` and `clock` must outlive it.
class Server {
 public:
  Server(asio::any_io_executor executor, const ops::Table& table, ops::EventBus& events,
         const ops::TokenStore& tokens, const Clock& clock, ServerOptions options);

  /// The row muster.ticket.
  ops::Operation ticket_operation() { return tickets_.operation(); }
  /// Before listen().
  void add_page(Page page) { dispatcher_.add_page(std::move(page)); }
  /// Error: the address cannot be had, or the certificate cannot be read.
  Result<> listen();
  /// Reads certificate and key again, for connections from now on. False: it speaks no TLS. Error:
  /// as listen(); what was read before stays.
  Result<bool> reload_certificate();
  /// Ends the WebSockets of a caller whose token is no more, its tickets, and its requests that
  /// have not come whole.
  void dismiss(const std::string& caller);
  std::string url() const { return url_of(acceptor_.local_endpoint(), tls_.has_value(), false); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// No new connections; idle ones end now, the others within `patience`.
  asio::awaitable<void> stop(std::chrono::seconds patience = std::chrono::seconds(5));

 private:
  asio::awaitable<void> run_accepting();
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  Result<std::optional<asio::ssl::context>> load_certificate() const;

  ServerOptions options_;
  Tickets tickets_;
  Dispatcher dispatcher_;
  Shared shared_;
  asio::ip::tcp::acceptor acceptor_;
  std::optional<asio::ssl::context> tls_;
  std::list<std::shared_ptr<Connection>> connections_;  // the oldest first
  TaskGroup accepting_;
  TaskGroup serving_;
};

}  // namespace muster::doors::rest
