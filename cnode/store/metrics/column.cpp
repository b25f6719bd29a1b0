#include "store/metrics/column.h"

#include <optional>

#include "store/metrics/bytes.h"

namespace muster::store {
namespace {

using Values = std::vector<std::uint64_t>;

// The first byte: the low bits say how values are written, the high one that some are missing.
enum Form : std::uint8_t {
  nothing,
  constant_integer,
  constant_real,
  deltas,
  delta_deltas,
  scaled,
  xored,
  mixed
};
constexpr std::uint8_t has_gaps = 0x80;
constexpr double powers[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};

void put_deltas(std::string& out, const Values& values) {
  std::uint64_t before = 0;
  for (auto value : values) {
    put_delta(out, value, before);
    before = value;
  }
}

void put_delta_deltas(std::string& out, const Values& values) {
  std::uint64_t before = 0, step = 0;
  for (auto value : values) {
    put_delta(out, value - before, step);
    step = value - before;
    before = value;
  }
}

void put_shortest(std::string& out, std::uint8_t gaps, const Values& values,
                  std::optional<std::uint8_t> power) {
  std::string one, two;
  put_deltas(one, values);
  put_delta_deltas(two, values);
  bool is_two = two.size() < one.size();
  out += static_cast<char>((power ? scaled : is_two ? delta_deltas : deltas) | gaps);
  if (power) out += static_cast<char>(*power << 1 | (is_two ? 1 : 0));
  out += is_two ? two : one;
}

/// All doubles times a power of ten, where no bit gets lost.
std::optional<std::pair<Values, std::uint8_t>> scale(const Values& values) {
  for (std::uint8_t power = 0; power < std::size(powers); ++power) {
    Values integers;
    for (auto bits : values) {
      double value = std::bit_cast<double>(bits);
      double product = value * powers[power];
      if (!(std::abs(product) < 9e15)) return std::nullopt;
      auto integer = std::llround(product);
      if (std::bit_cast<std::uint64_t>(static_cast<double>(integer) / powers[power]) != bits) break;
      integers.push_back(static_cast<std::uint64_t>(integer));
    }
    if (integers.size() == values.size()) return std::pair(std::move(integers), power);
  }
  return std::nullopt;
}

void put_planes(std::string& out, const Values& values) {
  Values changes;
  std::uint64_t before = 0;
  for (auto value : values) {
    changes.push_back(value ^ before);
    before = value;
  }
  for (int shift = 56; shift >= 0; shift -= 8)
    for (auto change : changes) out += static_cast<char>(change >> shift);
}

}  // namespace

void encode_column(const Column& column, std::string& out) {
  Values values;
  bool any_integer = false, any_real = false;
  for (std::size_t row = 0; row < column.cells.size(); ++row) {
    if (!column.has(row)) continue;
    values.push_back(column.bits[row]);
    (column.cells[row] == Column::real ? any_real : any_integer) = true;
  }
  if (values.empty()) {
    out += static_cast<char>(nothing);
    return;
  }
  std::string bitmap;
  std::uint8_t gaps = 0;
  if (values.size() < column.cells.size()) {
    gaps = has_gaps;
    bitmap.assign((column.cells.size() + 7) / 8, '\0');
    for (std::size_t row = 0; row < column.cells.size(); ++row)
      if (column.has(row)) bitmap[row / 8] = static_cast<char>(bitmap[row / 8] | 1 << (row % 8));
  }
  bool is_constant = std::all_of(values.begin(), values.end(),
                                 [&](auto value) { return value == values.front(); });
  if (any_integer && any_real) {
    out += static_cast<char>(mixed | gaps);
    for (auto cell : column.cells)
      if (cell != Column::missing) out += static_cast<char>(cell);
    for (auto value : values) put_fixed(out, value);
  } else if (is_constant) {
    out += static_cast<char>((any_real ? constant_real : constant_integer) | gaps);
    if (any_real)
      put_fixed(out, values.front());
    else
      put_delta(out, values.front(), 0);
  } else if (any_integer) {
    put_shortest(out, gaps, values, std::nullopt);
  } else if (auto integers = scale(values)) {
    put_shortest(out, gaps, integers->first, integers->second);
  } else {
    out += static_cast<char>(xored | gaps);
    put_planes(out, values);
  }
  out += bitmap;
}

Result<Column> decode_column(std::string_view bytes, std::size_t rows) {
  Error damaged(Errc::internal, "a damaged column");
  ByteReader in(bytes);
  auto first = in.byte();
  auto form = static_cast<Form>(first & 0x7f);
  Column column;
  column.cells.assign(rows, Column::missing);
  column.bits.assign(rows, 0);
  if (form == nothing) return column;
  std::vector<std::uint32_t> present;
  if (first & has_gaps) {
    auto size = (rows + 7) / 8;
    if (bytes.size() < size + 1) return damaged;
    auto bitmap = bytes.substr(bytes.size() - size);
    for (std::size_t row = 0; row < rows; ++row)
      if (bitmap[row / 8] >> (row % 8) & 1) present.push_back(static_cast<std::uint32_t>(row));
  } else {
    for (std::size_t row = 0; row < rows; ++row) present.push_back(static_cast<std::uint32_t>(row));
  }
  bool is_real = form == constant_real || form == scaled || form == xored;
  for (auto row : present) column.cells[row] = is_real ? Column::real : Column::integer;
  auto& bits = column.bits;
  switch (form) {
    case constant_integer:
    case constant_real: {
      auto value = form == constant_real ? in.fixed() : in.delta(0);
      for (auto row : present) bits[row] = value;
      break;
    }
    case deltas:
    case delta_deltas:
    case scaled: {
      auto power = form == scaled ? in.byte() : std::uint8_t{0};
      bool is_two = form == delta_deltas || (form == scaled && (power & 1));
      if (power >> 1 >= static_cast<int>(std::size(powers))) return damaged;
      std::uint64_t before = 0, step = 0;
      for (auto row : present) {
        step = in.delta(is_two ? step : 0);
        before += step;
        bits[row] =
            form == scaled
                ? std::bit_cast<std::uint64_t>(
                      static_cast<double>(static_cast<std::int64_t>(before)) / powers[power >> 1])
                : before;
      }
      break;
    }
    case xored: {
      auto planes = in.take(present.size() * 8);
      if (planes.empty()) return damaged;
      std::uint64_t before = 0;
      for (std::size_t i = 0; i < present.size(); ++i) {
        std::uint64_t change = 0;
        for (std::size_t plane = 0; plane < 8; ++plane)
          change = change << 8 | static_cast<unsigned char>(planes[plane * present.size() + i]);
        before ^= change;
        bits[present[i]] = before;
      }
      break;
    }
    case mixed:
      for (auto row : present)
        column.cells[row] = in.byte() == Column::real ? Column::real : Column::integer;
      for (auto row : present) bits[row] = in.fixed();
      break;
    default:
      return damaged;
  }
  if (!in.is_good()) return damaged;
  return column;
}

}  // namespace muster::store
