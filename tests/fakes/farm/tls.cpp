#include "tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

namespace muster::farm {
namespace {

template <class T>
T* read_pem(const std::string& path, T* (*read)(std::FILE*, T**, pem_password_cb*, void*)) {
  auto* file = std::fopen(path.c_str(), "r");
  T* thing = file ? read(file, nullptr, nullptr, nullptr) : nullptr;
  if (file) std::fclose(file);
  if (!thing) throw std::runtime_error("cannot read " + path);
  return thing;
}

}  // namespace

Authority::Authority(const std::string& certificate, const std::string& key)
    : certificate_(read_pem<X509>(certificate, PEM_read_X509)),
      key_(read_pem<EVP_PKEY>(key, PEM_read_PrivateKey)),
      node_key_(EVP_EC_gen("P-256")),
      context_(SSL_CTX_new(TLS_server_method())) {
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate_.get());
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
}

std::unique_ptr<SSL, OpenSslFree> Authority::end_for(const std::string& address) const {
  std::unique_ptr<X509, OpenSslFree> certificate(X509_new());
  auto* c = certificate.get();
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  X509_gmtime_adj(X509_getm_notBefore(c), -3600);
  X509_gmtime_adj(X509_getm_notAfter(c), 86400);
  X509_set_pubkey(c, node_key_.get());
  X509_set_issuer_name(c, X509_get_subject_name(certificate_.get()));
  auto* name =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("IP:" + address).c_str());
  X509_add_ext(c, name, -1);
  X509_EXTENSION_free(name);
  X509_sign(c, key_.get(), EVP_sha256());
  std::unique_ptr<SSL, OpenSslFree> ssl(SSL_new(context_.get()));
  SSL_use_certificate(ssl.get(), c);
  SSL_use_PrivateKey(ssl.get(), node_key_.get());
  SSL_set_accept_state(ssl.get());
  return ssl;
}

TlsEnd::TlsEnd(std::unique_ptr<SSL, OpenSslFree> ssl) : ssl_(std::move(ssl)) {
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

bool TlsEnd::receive(std::string_view wire, std::string& plain) {
  BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
  char buffer[16384];
  int count;
  while ((count = SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0) plain.append(buffer, count);
  return SSL_get_error(ssl_.get(), count) == SSL_ERROR_WANT_READ;
}

void TlsEnd::send(std::string_view plain, std::string& wire) {
  if (!plain.empty()) SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
  char buffer[16384];
  int count;
  while ((count = BIO_read(SSL_get_wbio(ssl_.get()), buffer, sizeof buffer)) > 0)
    wire.append(buffer, count);
}

}  // namespace muster::farm
