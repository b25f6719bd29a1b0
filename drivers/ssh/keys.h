#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace muster::drivers::ssh {

/// A key pair as OpenSSH writes it.
struct KeyPair {
  Secret private_file;      ///< "-----BEGIN OPENSSH PRIVATE KEY-----…"
  std::string public_line;  ///< "ssh-ed25519 AAAA… comment"
};
Result<KeyPair> make_ed25519(const std::string& comment);

/// The pair `file` and `file.pub`, made (0600) when there is none. Gives the public line.
Result<std::string> ensure_key(const std::filesystem::path& file, const std::string& comment);

/// The public line of a private key file: what its OpenSSH form says in the clear, else the file
/// beside it with `.pub`. Errors: bad_request with what to do.
Result<std::string> public_line_of(const std::filesystem::path& file);

/// "SHA256:…" of a public key's bytes, as ssh prints it.
std::string fingerprint(std::string_view key);

}  // namespace muster::drivers::ssh
