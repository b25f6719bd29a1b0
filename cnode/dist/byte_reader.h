#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::dist {

/// Reads big-endian fields from bytes of a stranger. Reading past the end gives zeros and sticks:
/// look at ok() once at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (unsigned char c : take(width)) value = value << 8 | c;
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) {
      is_ok_ = false;
      rest_ = {};
      return {};
    }
    auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool ok() const { return is_ok_; }

 private:
  std::string_view rest_;
  bool is_ok_ = true;
};

inline void put_number(std::string& out, std::uint64_t value, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}
inline void put8(std::string& out, std::uint64_t value) {
  put_number(out, value, 1);
}
inline void put16(std::string& out, std::uint64_t value) {
  put_number(out, value, 2);
}
inline void put32(std::string& out, std::uint64_t value) {
  put_number(out, value, 4);
}
inline void put64(std::string& out, std::uint64_t value) {
  put_number(out, value, 8);
}

}  // namespace muster::dist
