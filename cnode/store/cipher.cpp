#include "store/cipher.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

#include "base/random.h"

namespace muster::store {
namespace {

constexpr std::size_t nonce_size = 12, tag_size = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

auto* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
auto* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

std::string Cipher::seal(const Secret& secret, std::string_view owner) const {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string sealed = random_bytes(nonce_size);
  auto& plain = secret.reveal();
  sealed.resize(nonce_size + plain.size() + tag_size);
  auto* at = bytes(sealed) + nonce_size;
  int count = 0;
  bool fine =
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_.reveal()),
                         bytes(sealed)) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &count, bytes(owner),
                        static_cast<int>(owner.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), at, &count, bytes(plain), static_cast<int>(plain.size())) ==
          1 &&
      EVP_EncryptFinal_ex(context.get(), at + count, &count) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, at + plain.size()) == 1;
  if (!fine) throw std::runtime_error("AES-256-GCM is not to be had from OpenSSL");
  return sealed;
}

Result<Secret> Cipher::open(std::string_view sealed, std::string_view owner) const {
  auto wrong =
      Error(Errc::internal, fmt::format("the secret of {} does not open with this key", owner));
  if (sealed.size() < nonce_size + tag_size) return wrong;
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  auto size = sealed.size() - nonce_size - tag_size;
  std::string plain(size, '\0');
  std::string tag(sealed.substr(nonce_size + size));
  int count = 0;
  bool fine = EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_.reveal()),
                                 bytes(sealed)) == 1 &&
              EVP_DecryptUpdate(context.get(), nullptr, &count, bytes(owner),
                                static_cast<int>(owner.size())) == 1 &&
              EVP_DecryptUpdate(context.get(), bytes(plain), &count, bytes(sealed) + nonce_size,
                                static_cast<int>(size)) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
              EVP_DecryptFinal_ex(context.get(), bytes(plain) + size, &count) == 1;
  if (!fine) return wrong;
  return Secret(std::move(plain));
}

}  // namespace muster::store
