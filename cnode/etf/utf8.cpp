#include "etf/utf8.h"

#include <cstdint>

namespace muster::etf {

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    unsigned char c = bytes[i];
    if (c < 0x80) {
      ++i;
      continue;
    }
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || i + more >= bytes.size()) return false;
    std::uint32_t point = c & (0x3f >> more);
    for (int k = 1; k <= more; ++k) {
      unsigned char next = bytes[i + k];
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if ((more == 2 && point < 0x800) || (more == 3 && (point < 0x10000 || point > 0x10ffff)) ||
        (point >= 0xd800 && point < 0xe000))
      return false;
    i += more + 1;
  }
  return true;
}

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    if (c >= 0x80) text += static_cast<char>(0xc0 | c >> 6);
    text += static_cast<char>(c < 0x80 ? c : 0x80 | (c & 0x3f));
  }
  return text;
}

}  // namespace muster::etf
