#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "dist/config.h"

namespace muster::dist {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslFree>;

/// The contexts of both roles, from files. Errors: bad_request, naming the file.
Result<SslContext> make_tls_client(const TlsFiles& files);
Result<SslContext> make_tls_server(const TlsFiles& files);

/// One connection, TCP or TLS over TCP: reads and writes never wait, and say would_block instead.
/// OpenSSL works on the descriptor itself: a link at rest keeps no TLS buffers. Owned by whoever
/// talks on it; lives on the io_context's thread.
class Channel {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  using error_code = boost::system::error_code;

  explicit Channel(Socket socket);

  Socket& socket() { return socket_; }
  bool is_tls() const { return ssl_ != nullptr; }

  /// The TLS handshake. Error: LinkError::tls, with OpenSSL's reason.
  /// As client: the certificate must come from our authority and name `host`, which is sent as SNI.
  Task<> start_tls_client(SSL_CTX& context, std::string host);
  Task<> start_tls_server(SSL_CTX& context);

  /// Errors: would_block; LinkError::tls after an alert of the peer; anything else is the end.
  std::size_t read_some(char* data, std::size_t size, error_code& ec);
  std::size_t write_some(const char* data, std::size_t size, error_code& ec);

  boost::asio::awaitable<error_code> wait(Socket::wait_type what);
  /// Writes all of it; waits as needed.
  boost::asio::awaitable<error_code> write(std::string bytes);
  void close();

 private:
  Task<> run_tls(bool is_client);
  std::size_t tls_result(int result, error_code& ec);

  Socket socket_;
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace muster::dist
