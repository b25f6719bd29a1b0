#include "tls.h"

#include <cctype>

#include "process.h"

namespace muster::test {
namespace {

void make_key(const std::filesystem::path& file) {
  run({"openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file});
}

}  // namespace

Authority::Authority() {
  make_key(dir_ / "ca.key");
  run({"openssl", "req", "-x509", "-new", "-key", dir_ / "ca.key", "-sha256", "-days", "2", "-subj",
       "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out",
       certificate()});
}

Authority::Identity Authority::issue(const std::string& host) const {
  const Identity identity{dir_ / (host + ".pem"), dir_ / (host + ".key")};
  // OTP 25 and older look an address up among the DNS names, later ones among the addresses.
  const bool is_address = std::isdigit(static_cast<unsigned char>(host.back())) != 0;
  const auto names = "DNS:" + host + (is_address ? ",IP:" + host : "");
  make_key(identity.key);
  write_file(dir_ / (host + ".extensions"),
             "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,"
             "clientAuth\n"
             "subjectAltName=" +
                 names + "\n");
  const auto request = dir_ / (host + ".csr");
  run({"openssl", "req", "-new", "-key", identity.key, "-subj", "/CN=" + host, "-out", request});
  run({"openssl", "x509", "-req", "-in", request, "-CA", certificate(), "-CAkey", dir_ / "ca.key",
       "-CAcreateserial", "-sha256", "-days", "2", "-extfile", dir_ / (host + ".extensions"),
       "-out", identity.certificate});
  return identity;
}

}  // namespace muster::test
