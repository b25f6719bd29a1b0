#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace muster::notifications {

/// Which rows of one block, by their place in it. Filters are intersections of these: whatever the
/// filters and however they overlap, a block costs microseconds.
/// As bytes: nothing for "all", a bitmap for many, two bytes a row for few.
class RowSet {
 public:
  static constexpr std::size_t capacity = 65'536;

  /// The first `rows` rows.
  explicit RowSet(std::size_t rows);

  /// `sorted` are places in a block of `rows` rows.
  static std::string encode(std::span<const std::uint16_t> sorted, std::size_t rows);
  void intersect(std::string_view encoded);
  void intersect(std::span<const std::uint16_t> sorted);
  /// Only places from `first` on and before `end` stay.
  void clip(std::size_t first, std::size_t end);

  bool empty() const;
  bool has(std::uint16_t place) const { return words_[place / 64] >> (place % 64) & 1; }
  /// The last place before `before`.
  std::optional<std::uint16_t> last(std::size_t before = capacity) const;

 private:
  template <class Place>
  void keep(std::size_t count, Place place);

  std::array<std::uint64_t, capacity / 64> words_{};
};

}  // namespace muster::notifications
