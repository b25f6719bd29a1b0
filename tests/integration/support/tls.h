#pragma once

#include <filesystem>
#include <string>

#include "temp_dir.h"

namespace muster::test {

/// A certificate authority of a test's own, for distribution over TLS and for HTTPS.
class Authority {
 public:
  struct Identity {
    std::filesystem::path certificate, key;
  };

  Authority();

  std::filesystem::path certificate() const { return dir_ / "ca.pem"; }

  /// An ECDSA certificate for a host name or an IPv4 address, for servers and clients alike.
  Identity issue(const std::string& host) const;

 private:
  TempDir dir_;
};

}  // namespace muster::test
