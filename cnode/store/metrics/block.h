#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/metrics/column.h"

namespace muster::store {

/// All series of one node over one span. Columns are in order of their ids.
struct Block {
  std::uint64_t sequence = 0;  ///< of the newest journal entry that is in it
  std::vector<Moment> moments;
  std::vector<Column> columns;
};

/// A block as rows of the database: the first is its directory (moments, which columns are where),
/// each further one a part: some columns, about 4 KiB of them before zstd. Every row has a checksum
/// of its own and is read without the others but the directory.
std::vector<std::string> encode_block(const Block& block);

struct Directory {
  std::uint64_t sequence = 0;
  std::vector<Moment> moments;
  std::vector<std::uint64_t> first_ids;  ///< of each part's first column, ascending
  /// The part that has `id`, if any has; counted from 1 as rows are.
  std::size_t part_of(std::uint64_t id) const;
};
/// Error: internal, for damaged bytes.
Result<Directory> decode_directory(std::string_view row);

/// Adds to `found` the columns of a part whose series (id / 8) is in `series`, which is sorted;
/// all where it is empty. Error: internal, for damaged bytes.
Result<> decode_part(std::string_view row, std::size_t rows, std::span<const SeriesId> series,
                     std::vector<Column>& found);
/// The ids of its columns.
Result<std::vector<std::uint64_t>> ids_of_part(std::string_view row);

}  // namespace muster::store
