#pragma once

#include "services/notifications/partition.h"

namespace muster::notifications {

/// Rows of `entries` with their texts, of ids from the first parameter to the second.
extern const char* const select_entries;
/// The row of it that `s` is at.
Entry entry_of(const store::Statement& s);

/// The reading connection. After an error it is made anew: statements keep their first error.
struct Partition::Reader {
  explicit Reader(store::Connection connection);

  /// False: no row of the block has it.
  Result<bool> keep_marked(const BlockSpan& block, const std::string& key, RowSet& rows);
  Result<> keep_word(const BlockSpan& block, const std::string& text, RowSet& rows);
  /// The first place whose row is not older than `time`.
  Result<std::size_t> place_of(const BlockSpan& block, Timestamp time);

  store::Connection db;
  store::Statement mark, word, at, entries;
};

}  // namespace muster::notifications
