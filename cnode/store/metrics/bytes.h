#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace muster::store {

inline std::uint64_t zigzag(std::uint64_t v) {
  return (v << 1) ^ static_cast<std::uint64_t>(-static_cast<std::int64_t>(v >> 63));
}
inline std::uint64_t unzigzag(std::uint64_t v) {
  return (v >> 1) ^ (~(v & 1) + 1);
}

inline void put_varint(std::string& out, std::uint64_t v) {
  while (v >= 0x80) {
    out += static_cast<char>(v | 0x80);
    v >>= 7;
  }
  out += static_cast<char>(v);
}
/// A difference of integers, by wrapping arithmetic: there are no overflows.
inline void put_delta(std::string& out, std::uint64_t value, std::uint64_t before) {
  put_varint(out, zigzag(value - before));
}
inline void put_fixed(std::string& out, std::uint64_t v, std::size_t size = 8) {
  char bytes[8];
  std::memcpy(bytes, &v, 8);  // little-endian, as every machine that we run on
  out.append(bytes, size);
}

/// Reads what may be damaged: past the end everything is 0 and is_good() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 70 && at_ < end_; shift += 7) {
      auto byte = static_cast<unsigned char>(*at_++);
      v |= static_cast<std::uint64_t>(byte & 0x7f) << (shift & 63);
      if (byte < 0x80) return v;
    }
    is_good_ = false;
    return 0;
  }
  std::uint64_t delta(std::uint64_t before) { return before + unzigzag(varint()); }
  std::uint64_t fixed(std::size_t size = 8) {
    std::uint64_t v = 0;
    auto bytes = take(size);
    if (!bytes.empty()) std::memcpy(&v, bytes.data(), bytes.size());
    return v;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(fixed(1)); }
  std::string_view take(std::uint64_t size) {
    if (size > left()) {
      is_good_ = false;
      return {};
    }
    std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  /// A count of things that take at least a byte each: never more than there is.
  std::uint64_t count() {
    auto v = varint();
    if (v <= left()) return v;
    is_good_ = false;
    return 0;
  }
  std::uint64_t left() const { return static_cast<std::uint64_t>(end_ - at_); }
  bool is_good() const { return is_good_; }

 private:
  const char* at_;
  const char* end_;
  bool is_good_ = true;
};

}  // namespace muster::store
