#include "dist/channel.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dist/link_error.h"

namespace muster::dist {
namespace {

std::string openssl_reason() {
  char text[256] = "unknown reason";
  if (auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

/// The peer said what it does not like: with TLS 1.3 that is after the handshake, as we see it.
bool is_alert(unsigned long code) {
  return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
}

Result<SslContext> make_context(const SSL_METHOD* method, const TlsFiles& files, int verify) {
  SslContext context(SSL_CTX_new(method));
  auto* c = context.get();
  auto wrong = [](const char* what, const std::string& file) {
    return Error(Errc::bad_request,
                 std::string("TLS: ") + what + " " + file + ": " + openssl_reason());
  };
  if (SSL_CTX_use_certificate_chain_file(c, files.certificate.c_str()) != 1)
    return wrong("the certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(c, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return wrong("the key", files.key);
  if (SSL_CTX_load_verify_locations(c, files.authority.c_str(), nullptr) != 1)
    return wrong("the authority", files.authority);
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_verify(c, verify, nullptr);
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  return context;
}

}  // namespace

Result<SslContext> make_tls_client(const TlsFiles& files) {
  return make_context(TLS_client_method(), files, SSL_VERIFY_PEER);
}

Result<SslContext> make_tls_server(const TlsFiles& files) {
  return make_context(TLS_server_method(), files,
                      SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}

Channel::Channel(Socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
}

Task<> Channel::start_tls_client(SSL_CTX& context, std::string host) {
  ssl_.reset(SSL_new(&context));
  SSL_set_fd(ssl_.get(), socket_.native_handle());
  error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  if (not_an_address) {
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    SSL_set1_host(ssl_.get(), host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  }
  SSL_set_connect_state(ssl_.get());
  return run_tls(true);
}

Task<> Channel::start_tls_server(SSL_CTX& context) {
  ssl_.reset(SSL_new(&context));
  SSL_set_fd(ssl_.get(), socket_.native_handle());
  SSL_set_accept_state(ssl_.get());
  return run_tls(false);
}

Task<> Channel::run_tls(bool is_client) {
  for (;;) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_.get());
    if (result == 1) co_return Result<>();
    int why = SSL_get_error(ssl_.get(), result);
    auto what = why == SSL_ERROR_WANT_READ    ? Socket::wait_read
                : why == SSL_ERROR_WANT_WRITE ? Socket::wait_write
                                              : Socket::wait_error;
    error_code ec;
    if (what != Socket::wait_error) ec = co_await wait(what);
    if (ec || what == Socket::wait_error) {
      auto verified = SSL_get_verify_result(ssl_.get());
      std::string reason = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                           : ec                  ? ec.message()
                                                 : openssl_reason();
      co_return Error(make_error_code(LinkError::tls),
                      (is_client ? "TLS to the peer: " : "TLS from a peer: ") + reason);
    }
  }
}

std::size_t Channel::tls_result(int result, error_code& ec) {
  ec = {};
  if (result > 0) return static_cast<std::size_t>(result);
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      ec = boost::asio::error::would_block;
      break;
    default:
      ec = is_alert(ERR_peek_error()) ? make_error_code(LinkError::tls)
                                      : error_code(boost::asio::error::eof);
  }
  return 0;
}

std::size_t Channel::read_some(char* data, std::size_t size, error_code& ec) {
  if (!ssl_) return socket_.read_some(boost::asio::buffer(data, size), ec);
  ERR_clear_error();
  auto most = static_cast<int>(std::min<std::size_t>(size, 1 << 30));
  return tls_result(SSL_read(ssl_.get(), data, most), ec);
}

std::size_t Channel::write_some(const char* data, std::size_t size, error_code& ec) {
  if (!ssl_) return socket_.write_some(boost::asio::buffer(data, size), ec);
  ERR_clear_error();
  auto most = static_cast<int>(std::min<std::size_t>(size, 1 << 30));
  return tls_result(SSL_write(ssl_.get(), data, most), ec);
}

boost::asio::awaitable<Channel::error_code> Channel::wait(Socket::wait_type what) {
  auto [ec] = co_await socket_.async_wait(what, boost::asio::as_tuple(boost::asio::use_awaitable));
  co_return ec;
}

boost::asio::awaitable<Channel::error_code> Channel::write(std::string bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    error_code ec;
    at += write_some(bytes.data() + at, bytes.size() - at, ec);
    if (ec == boost::asio::error::would_block) ec = co_await wait(Socket::wait_write);
    if (ec) co_return ec;
  }
  co_return error_code();
}

void Channel::close() {
  error_code ignored;
  if (ssl_ && socket_.is_open()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  socket_.close(ignored);
}

}  // namespace muster::dist
