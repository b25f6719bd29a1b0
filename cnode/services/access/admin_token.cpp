#include "services/access/admin_token.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/random.h"
#include "base/secret.h"

namespace muster::access {
namespace {

Error system_error(std::string doing) {
  return Error(boost::system::error_code(errno, boost::system::system_category()),
               std::move(doing));
}

/// Written beside and renamed, so that a crash leaves no half a token.
Result<std::string> make(const std::filesystem::path& file) {
  constexpr std::size_t token_bytes = 32;
  auto token = random_hex(token_bytes);
  auto fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  constexpr mode_t owner_only = 0600;
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owner_only);
  if (fd < 0) return system_error("make " + file.string());
  auto line = token + "\n";
  bool is_written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                    ::fsync(fd) == 0;
  auto error = system_error("write " + file.string());
  ::close(fd);
  if (!is_written) return error;
  if (::rename(fresh.c_str(), file.c_str()) != 0) return system_error("make " + file.string());
  return token;
}

}  // namespace

std::string sha256_of(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

Result<AdminToken> AdminToken::open(const std::filesystem::path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) {
    if (errno != ENOENT) return system_error("read " + file.string());
    TRY(auto token, make(file));
    return AdminToken(sha256_of(token));
  }
  if (about.st_mode & (S_IRWXG | S_IRWXO))
    return Error(Errc::bad_request, file.string() + " must be readable by its owner only");
  std::ifstream in(file);
  std::string token;
  if (!(in >> token) || token.size() < 16)
    return Error(Errc::bad_request, file.string() + " holds no token: remove it to have one made");
  return AdminToken(sha256_of(token));
}

std::optional<ops::Caller> AdminToken::find(std::string_view token) const {
  if (!equal_constant_time(sha256_of(token), hash_)) return std::nullopt;
  return ops::Caller{"token:admin", ops::Role::admin, {}, {}};
}

}  // namespace muster::access
