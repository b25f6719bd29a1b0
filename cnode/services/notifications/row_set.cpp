#include "services/notifications/row_set.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace muster::notifications {

namespace {
constexpr std::size_t bitmap_bytes = RowSet::capacity / 8;
static_assert(std::endian::native == std::endian::little, "the file's form is the memory's");
}  // namespace

RowSet::RowSet(std::size_t rows) {
  words_.fill(~std::uint64_t{0});
  clip(0, rows);
}

std::string RowSet::encode(std::span<const std::uint16_t> sorted, std::size_t rows) {
  std::string bytes;
  if (sorted.size() == rows) return bytes;
  if (sorted.size() * 2 < bitmap_bytes) {
    bytes.resize(sorted.size() * 2);
    std::memcpy(bytes.data(), sorted.data(), bytes.size());
    return bytes;
  }
  bytes.resize(bitmap_bytes);
  for (auto place : sorted) bytes[place / 8] = static_cast<char>(bytes[place / 8] | 1 << place % 8);
  return bytes;
}

template <class Place>
void RowSet::keep(std::size_t count, Place place) {
  std::array<std::uint64_t, capacity / 64> kept{};
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t at = place(i);
    kept[at / 64] |= words_[at / 64] & std::uint64_t{1} << at % 64;
  }
  words_ = kept;
}

void RowSet::intersect(std::span<const std::uint16_t> sorted) {
  keep(sorted.size(), [&](std::size_t i) { return sorted[i]; });
}

void RowSet::intersect(std::string_view encoded) {
  if (encoded.empty()) return;
  if (encoded.size() >= bitmap_bytes) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      std::uint64_t word;
      std::memcpy(&word, encoded.data() + i * 8, 8);
      words_[i] &= word;
    }
    return;
  }
  keep(encoded.size() / 2, [&](std::size_t i) {
    std::uint16_t place;
    std::memcpy(&place, encoded.data() + i * 2, 2);
    return place;
  });
}

void RowSet::clip(std::size_t first, std::size_t end) {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    auto from = i * 64;
    if (from + 64 <= first || from >= end) {
      words_[i] = 0;
      continue;
    }
    if (first > from) words_[i] &= ~std::uint64_t{0} << (first - from);
    if (end < from + 64) words_[i] &= (std::uint64_t{1} << (end - from)) - 1;
  }
}

bool RowSet::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](auto word) { return word == 0; });
}

std::optional<std::uint16_t> RowSet::last(std::size_t before) const {
  if (before == 0) return std::nullopt;
  auto at = (before - 1) / 64;
  auto word = words_[at];
  if (before % 64) word &= (std::uint64_t{1} << before % 64) - 1;
  for (;;) {
    if (word) return static_cast<std::uint16_t>(at * 64 + 63 - std::countl_zero(word));
    if (at == 0) return std::nullopt;
    word = words_[--at];
  }
}

}  // namespace muster::notifications
