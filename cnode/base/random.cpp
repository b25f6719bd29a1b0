#include "base/random.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <cctype>
#include <cstring>
#include <stdexcept>

namespace muster {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    throw std::runtime_error("the system's random generator failed");
  return bytes;
}

std::uint32_t random_u32() {
  std::uint32_t value;
  std::memcpy(&value, random_bytes(sizeof value).data(), sizeof value);
  return value;
}

std::string random_hex(std::size_t count) {
  std::string text;
  for (unsigned char byte : random_bytes(count)) text += fmt::format("{:02x}", byte);
  return text;
}

std::string random_uuid() {
  std::string hex = random_hex(16);
  hex[12] = '4';
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) & 3];
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' +
         hex.substr(16, 4) + '-' + hex.substr(20);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    bool hex = std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

}  // namespace muster
