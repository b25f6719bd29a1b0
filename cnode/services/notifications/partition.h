#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "services/notifications/block.h"
#include "store/connection.h"

namespace muster::notifications {

/// One file of the archive: a run of notifications, oldest and newest in the neighbouring files, so
/// that retention deletes files and a damaged one costs itself only.
///
/// Its tables: `entries`; `words`, an FTS5 index over all words; `blocks` and `marks`, which keep
/// for each 65,536 rows the set of rows of every field's value and of every word that is in many
/// rows. FTS5 alone is fast where a filter matches often or rarely, but two frequent values that
/// never meet make it walk both lists to their ends; sets are intersected in microseconds.
///
/// Shared by two threads: append() and finish() are called on the writer's, search() and get() on
/// the reader's, each with a connection of its own; the rest anywhere. Write-ahead log,
/// synchronous=NORMAL: what was stored survives the end of the daemon, a power cut takes at most
/// the last seconds.
class Partition {
 public:
  /// Opens the file, or makes it. Errors: unavailable, internal (damaged).
  static Result<std::shared_ptr<Partition>> open(std::filesystem::path file, std::int64_t first_id);
  ~Partition();
  Partition(const Partition&) = delete;

  /// Stores `batch`, whose ids follow last_id() without gaps. On an error the first `stored` of it
  /// are kept.
  Result<> append(std::span<const Entry> batch, std::size_t& stored);
  /// Nothing more will be appended: everything goes into the file itself.
  Result<> finish();

  /// Newest first.
  Result<std::vector<Entry>> search(const Query& query);
  /// Error: not_found.
  Result<Entry> get(std::int64_t id);

  std::int64_t first_id() const { return first_id_; }
  std::int64_t last_id() const;
  /// Of its first and last row; the epoch where there is none.
  Timestamp first_at() const;
  Timestamp last_at() const;
  /// On disk, with its log.
  std::uint64_t bytes() const;
  /// Deletes its files; a search that is under way ends well.
  void remove();

 private:
  struct Writer;
  struct Reader;
  Partition(std::filesystem::path file, std::int64_t first_id);

  Result<Writer*> writer();
  Result<Reader*> reader();
  Result<> load();
  Result<> store_rows(Writer& writer, std::span<const Entry> rows);
  Result<> seal(Writer& writer);
  Result<RowSet> match(Reader& reader, const BlockSpan& block, const Query& query) const;
  Result<> clip(Reader& reader, const BlockSpan& block, const Query& query, RowSet& rows) const;
  Result<> read_rows(Reader& reader, const BlockSpan& block, const RowSet& rows, const Query& query,
                     std::vector<Entry>& found) const;

  std::filesystem::path file_;
  std::int64_t first_id_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
  mutable std::mutex mutex_;  ///< for the two below, which the writer changes and the reader reads
  std::vector<BlockSpan> blocks_;
  OpenBlock open_;
};

}  // namespace muster::notifications
