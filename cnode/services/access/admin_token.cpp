#include "services/access/admin_token.h"

#include <openssl/sha.h>

#include <sstream>

#include "base/private_file.h"
#include "base/random.h"
#include "base/secret.h"

namespace muster::access {
std::string sha256_of(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

Result<AdminToken> AdminToken::open(const std::filesystem::path& file) {
  constexpr std::size_t token_bytes = 32, shortest = 16, longest = 4096;
  auto read = read_private(file, longest);
  if (!read && read.error().errc() == Errc::not_found) {
    auto token = random_hex(token_bytes);
    TRYV(write_private(file, token + "\n"));
    return AdminToken(sha256_of(token));
  }
  if (!read) return std::move(read).error();
  std::istringstream words(*read);
  std::string token;
  if (!(words >> token) || token.size() < shortest)
    return Error(Errc::bad_request, file.string() + " holds no token: remove it to have one made");
  return AdminToken(sha256_of(token));
}

std::optional<ops::Caller> AdminToken::find(std::string_view token) const {
  if (!equal_constant_time(sha256_of(token), hash_)) return std::nullopt;
  return ops::Caller{"token:admin", ops::Role::admin, {}, {}};
}

}  // namespace muster::access
