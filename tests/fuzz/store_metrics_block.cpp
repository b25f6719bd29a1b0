// What the metric store finds on disk: damaged or made by a stranger, it is read within bounds or
// refused. The first byte says what the rest is.
#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/metrics/block.h"
#include "store/metrics/head.h"
#include "store/metrics/roll_up.h"

namespace store = muster::store;

namespace {

std::string packed(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
  return out;
}

/// As a roll-up that goes on with what was there, and written again.
void use(std::vector<store::Column> columns, std::vector<store::Moment> moments) {
  store::Block block{1, std::move(moments), std::move(columns)};
  store::RollUp before(block);
  before.add(store::RollUp(block, 60'000));
  (void)store::encode_block(before.block());
}

void read_part(std::string_view row, std::size_t rows) {
  std::vector<store::Column> columns;
  if (!store::decode_part(row, rows, {}, columns)) return;
  std::vector<store::Moment> moments;
  for (auto& column : columns)
    if (column.cells.size() != rows || column.bits.size() != rows) std::abort();
  for (std::size_t i = 0; i < rows; ++i) {
    auto at = static_cast<std::int64_t>(i * 7919 % 600) * 1000;
    moments.push_back({at, at});
  }
  use(std::move(columns), std::move(moments));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::size_t rows = data[1];
  switch (data[0] % 6) {
    case 0:
      (void)store::decode_directory(bytes);
      read_part(bytes, rows);
      break;
    case 1:
      if (auto directory = store::decode_directory(packed(bytes)))
        for (std::uint64_t id : {0u, 8u, 800u})
          if (directory->part_of(id) > directory->first_ids.size()) std::abort();
      break;
    case 2:
      read_part(packed(bytes), rows);
      (void)store::ids_of_part(packed(bytes));
      break;
    case 3:
      if (auto column = store::decode_column(bytes, rows)) {
        std::string again;
        store::encode_column(*column, again);
        auto same = store::decode_column(again, rows);
        if (!same || same->bits != column->bits || same->cells != column->cells) std::abort();
      }
      break;
    case 4: {
      store::RoundCoder coder;
      store::ByteReader in(bytes);
      for (int i = 0; i < 100 && in.left() && coder.decode(in); ++i)
        if (coder.samples().size() > bytes.size()) std::abort();
      break;
    }
    default: {
      store::Head head;
      head.replay(1, 0, bytes.substr(0, bytes.size() / 2));
      head.replay(2, 1, bytes.substr(bytes.size() / 2));
      (void)head.block();
    }
  }
  return 0;
}
