#include "store/metrics/block.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "store/metrics/bytes.h"

namespace muster::store {
namespace {

constexpr std::size_t part_size = 4 * 1024;
constexpr unsigned long long most_bytes = 64 << 20;
constexpr std::uint64_t most_moments = 1 << 20, most_cells = 16 << 20;  ///< of a part
constexpr int level = 3;

Error damaged(std::string_view what) {
  return Error(Errc::internal, "a damaged " + std::string(what));
}

struct FreeCompressor {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

std::string pack(std::string_view bytes) {
  thread_local auto context = [] {
    std::unique_ptr<ZSTD_CCtx, FreeCompressor> made(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_checksumFlag, 1);
    return made;
  }();
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  auto size =
      ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  packed.resize(size);
  packed.shrink_to_fit();
  return packed;
}

Result<std::string> unpack(std::string_view packed) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size > most_bytes) return damaged("block");  // errors are huge numbers
  std::string bytes(size, '\0');
  auto got =
      ZSTD_decompressDCtx(context.get(), bytes.data(), bytes.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != size) return damaged("block");
  return bytes;
}

/// Ids, then lengths, then the columns themselves.
std::string encode_part(std::span<const std::uint64_t> ids, std::span<const std::size_t> sizes,
                        std::string_view columns) {
  std::string part;
  put_varint(part, ids.size());
  std::uint64_t before = 0;
  for (auto id : ids) {
    put_varint(part, id - before);
    before = id;
  }
  for (auto size : sizes) put_varint(part, size);
  part += columns;
  return pack(part);
}

std::vector<std::uint64_t> read_ids(ByteReader& in) {
  std::vector<std::uint64_t> ids(in.count());
  std::uint64_t before = 0;
  for (auto& id : ids) id = before += in.varint();
  return ids;
}

}  // namespace

std::vector<std::string> encode_block(const Block& block) {
  std::vector<std::string> rows(1);
  std::vector<std::uint64_t> ids, first_ids;
  std::vector<std::size_t> sizes;
  std::string columns;
  auto close_part = [&] {
    if (ids.empty()) return;
    first_ids.push_back(ids.front());
    rows.push_back(encode_part(ids, sizes, columns));
    ids.clear();
    sizes.clear();
    columns.clear();
  };
  for (auto& column : block.columns) {
    bool is_new_series = ids.empty() || ids.back() / 8 != column.id / 8;
    if (columns.size() >= part_size && is_new_series) close_part();
    auto before = columns.size();
    encode_column(column, columns);
    ids.push_back(column.id);
    sizes.push_back(columns.size() - before);
  }
  close_part();
  std::string directory;
  put_varint(directory, block.sequence);
  put_varint(directory, block.moments.size());
  std::uint64_t at = 0, step = 0, offset = 0;
  for (auto& moment : block.moments) {
    auto now = static_cast<std::uint64_t>(moment.at);
    auto ahead = static_cast<std::uint64_t>(moment.node_at) - now;
    put_delta(directory, now - at, step);
    put_delta(directory, ahead, offset);
    step = now - at;
    at = now;
    offset = ahead;
  }
  put_varint(directory, first_ids.size());
  std::uint64_t before = 0;
  for (auto id : first_ids) {
    put_varint(directory, id - before);
    before = id;
  }
  rows[0] = pack(directory);
  return rows;
}

std::size_t Directory::part_of(std::uint64_t id) const {
  auto after = std::upper_bound(first_ids.begin(), first_ids.end(), id);
  return static_cast<std::size_t>(after - first_ids.begin());
}

Result<Directory> decode_directory(std::string_view row) {
  TRY(auto bytes, unpack(row));
  ByteReader in(bytes);
  Directory directory;
  directory.sequence = in.varint();
  auto count = in.count();
  if (count > most_moments) return damaged("directory");
  directory.moments.resize(count);
  std::uint64_t at = 0, step = 0, offset = 0;
  for (auto& moment : directory.moments) {
    step = in.delta(step);
    at += step;
    offset = in.delta(offset);
    moment = {static_cast<std::int64_t>(at), static_cast<std::int64_t>(at + offset)};
  }
  directory.first_ids = read_ids(in);
  if (!in.is_good()) return damaged("directory");
  return directory;
}

Result<> decode_part(std::string_view row, std::size_t rows, std::span<const SeriesId> series,
                     std::vector<Column>& found) {
  TRY(auto bytes, unpack(row));
  ByteReader in(bytes);
  auto ids = read_ids(in);
  if (ids.size() * rows > most_cells) return damaged("part");
  std::vector<std::uint64_t> sizes(ids.size());
  for (auto& size : sizes) size = in.varint();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto column_bytes = in.take(sizes[i]);
    if (!in.is_good()) return damaged("part");
    auto id = static_cast<SeriesId>(ids[i] / 8);
    if (!series.empty() && !std::binary_search(series.begin(), series.end(), id)) continue;
    TRY(auto column, decode_column(column_bytes, rows));
    column.id = ids[i];
    found.push_back(std::move(column));
  }
  return {};
}

Result<std::vector<std::uint64_t>> ids_of_part(std::string_view row) {
  TRY(auto bytes, unpack(row));
  ByteReader in(bytes);
  auto ids = read_ids(in);
  if (!in.is_good()) return damaged("part");
  return ids;
}

}  // namespace muster::store
