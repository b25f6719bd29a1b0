#include "base/secret.h"

#include <openssl/crypto.h>

namespace muster {

Secret::~Secret() {
  OPENSSL_cleanse(text_.data(), text_.size());
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool operator==(const Secret& a, const Secret& b) {
  return equal_constant_time(a.text_, b.text_);
}

}  // namespace muster
