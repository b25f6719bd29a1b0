#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace muster::store {

/// Encrypts cookies and credentials for their rows: AES-256-GCM, a fresh nonce each, bound to the
/// row that holds them
/// (`owner`, such as "nodes/<id>/cookie"), so that a value moved to another row does not open.
/// The key lives in a file of its own (key_file.h), not in the database: a copied database alone
/// opens nothing.
/// NIST SP 800-38D.
class Cipher {
 public:
  explicit Cipher(Secret key) : key_(std::move(key)) {}  ///< 32 bytes

  std::string seal(const Secret& secret, std::string_view owner) const;
  /// Error: internal, where it was sealed with another key or for another row, or was changed.
  Result<Secret> open(std::string_view sealed, std::string_view owner) const;

 private:
  Secret key_;
};

}  // namespace muster::store
