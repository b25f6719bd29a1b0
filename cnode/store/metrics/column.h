#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/metrics/sample.h"

namespace muster::store {

/// The values of one series in one block, in the order of the block's moments.
struct Column {
  enum Cell : std::uint8_t { missing, integer, real };
  /// Series * 8 + which member of a roll-up it is (0 in raw blocks).
  std::uint64_t id = 0;
  std::vector<std::uint8_t> cells;
  std::vector<std::uint64_t> bits;  ///< 0 where missing

  void push(const Number& number) {
    cells.push_back(number.is_real ? real : integer);
    bits.push_back(number.bits);
  }
  void push_missing() {
    cells.push_back(missing);
    bits.push_back(0);
  }
  bool has(std::size_t row) const { return cells[row] != missing; }
  Number number(std::size_t row) const { return {bits[row], cells[row] == real}; }
};

/// Appends `column` in the shortest of our encodings; each column picks its own:
/// constant; integers as differences or differences of differences (zigzag varints); doubles as
/// integers scaled by a power of ten, where that is exact, else XORed with the one before, byte
/// planes apart. A bitmap where values are missing. Compression is left to zstd.
void encode_column(const Column& column, std::string& out);
/// `rows`: how many moments the block has. Error: internal, for damaged bytes.
Result<Column> decode_column(std::string_view bytes, std::size_t rows);

}  // namespace muster::store
