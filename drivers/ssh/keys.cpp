#include "drivers/ssh/keys.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/private_file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "drivers/ssh/wire.h"

namespace muster::drivers::ssh {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----\n";

/// Its name is enough for whoever asks by REST.
Result<> write_key(const fs::path& file, std::string_view text) {
  auto written = write_private(file, text);
  if (!written) return Error(written.error().code, "write the SSH key " + file.filename().string());
  return {};
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The public half inside an OpenSSH private key, or nothing.
std::string public_half(const std::string& text) {
  const auto begin = text.find(kBegin);
  const auto end = text.find("-----END", begin == text.npos ? 0 : begin);
  if (begin == text.npos || end == text.npos) return {};
  std::string base64;
  for (char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size()))
    if (c != '\n' && c != '\r') base64 += c;
  const auto bytes = from_base64(base64);
  if (!bytes || !bytes->starts_with(kMagic)) return {};
  WireReader reader(std::string_view(*bytes).substr(kMagic.size()));
  reader.string();  // cipher
  reader.string();  // key derivation
  reader.string();  // its options
  if (reader.u32() != 1u) return {};
  const auto key = reader.string();
  if (!key) return {};
  const auto type = WireReader(*key).string();
  return type ? std::string(*type) + " " + to_base64(*key) : std::string();
}

}  // namespace

Result<KeyPair> make_ed25519(const std::string& comment) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  std::array<unsigned char, 32> seed{}, half{};
  std::size_t seed_size = seed.size(), half_size = half.size();
  if (!key || EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &seed_size) != 1 ||
      EVP_PKEY_get_raw_public_key(key.get(), half.data(), &half_size) != 1)
    return Error(Errc::internal, "an SSH key could not be made");
  const std::string public_bytes(half.begin(), half.end());
  const std::string private_bytes = std::string(seed.begin(), seed.end()) + public_bytes;

  std::string blob;
  put_string(blob, "ssh-ed25519");
  put_string(blob, public_bytes);
  std::string secret;
  const auto check = random_u32();
  put_u32(secret, check);
  put_u32(secret, check);
  put_string(secret, "ssh-ed25519");
  put_string(secret, public_bytes);
  put_string(secret, private_bytes);
  put_string(secret, comment);
  for (char pad = 1; secret.size() % 8 != 0; ++pad) secret += pad;

  std::string file(kMagic);
  put_string(file, "none");
  put_string(file, "none");
  put_string(file, "");
  put_u32(file, 1);
  put_string(file, blob);
  put_string(file, secret);
  const auto base64 = to_base64(file);
  std::string text(kBegin);
  for (std::size_t at = 0; at < base64.size(); at += 70) text += base64.substr(at, 70) + "\n";
  text += kEnd;
  return KeyPair{Secret(std::move(text)), "ssh-ed25519 " + to_base64(blob) + " " + comment};
}

Result<std::string> ensure_key(const fs::path& file, const std::string& comment) {
  std::error_code ec;
  if (!fs::exists(file, ec)) {
    TRY(auto pair, make_ed25519(comment));
    fs::create_directories(file.parent_path(), ec);
    fs::permissions(file.parent_path(), fs::perms::owner_all, ec);
    TRYV(write_key(file.string() + ".pub", pair.public_line + "\n"));
    TRYV(write_key(file, pair.private_file.reveal()));
    return pair.public_line;
  }
  TRY(auto line, public_line_of(file));
  return line + " " + comment;
}

Result<std::string> public_line_of(const fs::path& file) {
  if (auto checked = check_private(file); !checked) {
    auto what = fmt::format("the SSH key file {}", file.filename().string());
    return Error(Errc::bad_request, checked.error().errc() == Errc::bad_request
                                        ? what + " can be read by others: chmod 600 it"
                                        : what + " cannot be read");
  }
  const auto text = read_text(file);
  if (text.empty())
    return Error(Errc::bad_request,
                 fmt::format("the SSH key file {} cannot be read", file.filename().string()));
  auto line = public_half(text);
  if (!line.empty()) return line;
  line = read_text(file.string() + ".pub");
  while (line.ends_with('\n')) line.pop_back();
  if (!line.empty()) return line;
  return Error(Errc::bad_request,
               fmt::format("the SSH key file {} needs its public half beside it, in {}.pub",
                           file.filename().string(), file.filename().string()));
}

std::string fingerprint(std::string_view key) {
  Sha256 hash;
  hash.update(key);
  const auto digest = hash.finish();
  auto text = to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

}  // namespace muster::drivers::ssh
