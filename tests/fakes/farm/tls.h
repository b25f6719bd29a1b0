#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

namespace muster::farm {

struct OpenSslFree {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};

/// Who certifies the simulated nodes: each gets a certificate for its own address, made when it is
/// first dialled.
class Authority {
 public:
  /// PEM files; an exception says which cannot be read.
  Authority(const std::string& certificate, const std::string& key);

  /// The accepting end of a connection to the node at `address`.
  std::unique_ptr<SSL, OpenSslFree> end_for(const std::string& address) const;

 private:
  std::unique_ptr<X509, OpenSslFree> certificate_;
  std::unique_ptr<EVP_PKEY, OpenSslFree> key_, node_key_;
  std::unique_ptr<SSL_CTX, OpenSslFree> context_;
};

/// One TLS connection without its socket: bytes of the wire in and out, bytes of the peer out and
/// in.
class TlsEnd {
 public:
  explicit TlsEnd(std::unique_ptr<SSL, OpenSslFree> ssl);

  /// What was read from the socket; adds what it says to `plain`. False when it is over.
  bool receive(std::string_view wire, std::string& plain);
  /// Adds what is to be written to the socket, `plain` included, to `wire`.
  void send(std::string_view plain, std::string& wire);

 private:
  std::unique_ptr<SSL, OpenSslFree> ssl_;
};

}  // namespace muster::farm
