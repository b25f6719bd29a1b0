#include "etf/utf8.h"

namespace muster::etf {

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    if (c >= 0x80) text += static_cast<char>(0xc0 | c >> 6);
    text += static_cast<char>(c < 0x80 ? c : 0x80 | (c & 0x3f));
  }
  return text;
}

}  // namespace muster::etf
