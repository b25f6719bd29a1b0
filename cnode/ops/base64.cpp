#include "ops/base64.h"

#include <openssl/evp.h>

#include <array>

namespace muster::ops {
namespace {

constexpr std::uint8_t bad = 0xff, space = 0xfe, pad = 0xfd;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) value = bad;
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  for (char c : {' ', '\t', '\r', '\n'}) values[static_cast<unsigned char>(c)] = space;
  values['='] = pad;
  return values;
}
constexpr auto values = make_values();

constexpr std::size_t piece_size = 1 << 20;

std::string& room_in(Blob& to) {
  if (to.pieces.empty() || to.pieces.back().size() + 3 > piece_size)
    to.pieces.emplace_back().reserve(piece_size);
  return to.pieces.back();
}

}  // namespace

Result<void> Base64Decoder::feed(std::string_view text, Blob& to) {
  for (unsigned char c : text) {
    auto value = values[c];
    if (value == space) continue;
    if (value == bad) return Error(Errc::bad_request, "wanted base64 text");
    if (value == pad) {
      if (++padding_ + count_ > 4 || count_ < 2)
        return Error(Errc::bad_request, "base64 text with misplaced padding");
      continue;
    }
    if (padding_) return Error(Errc::bad_request, "base64 text goes on behind its padding");
    bits_ = bits_ << 6 | value;
    if (++count_ < 4) continue;
    const char bytes[] = {static_cast<char>(bits_ >> 16), static_cast<char>(bits_ >> 8),
                          static_cast<char>(bits_)};
    room_in(to).append(bytes, 3);
    bits_ = 0, count_ = 0;
  }
  // The last group is put out as soon as its padding is complete.
  if (padding_ && count_ && padding_ + count_ == 4) {
    auto& piece = room_in(to);
    bits_ <<= 6 * padding_;
    piece += static_cast<char>(bits_ >> 16);
    if (padding_ == 1) piece += static_cast<char>(bits_ >> 8);
    bits_ = 0, count_ = 0;
    padding_ = 4;  // nothing may follow
  }
  return {};
}

Result<void> Base64Decoder::finish() {
  if (count_ != 0) return Error(Errc::bad_request, "base64 text is cut short");
  return {};
}

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                 reinterpret_cast<const unsigned char*>(bytes.data()),
                                 static_cast<int>(bytes.size()));
  out.resize(written);
  return out;
}

}  // namespace muster::ops
