#pragma once

#include <functional>

#include "store/connection.h"
#include "store/metrics/block.h"
#include "store/metrics/schedule.h"

namespace muster::store {

/// Which row of a block: ordered so that all nodes of a span lie together (they are written and
/// deleted together), and of a node all parts. `grain` stands for a tier's step
/// (BlockTable::grain).
struct BlockKey {
  int grain;
  std::int64_t hour;  ///< since the epoch: its span begins then
  NodeId node;

  static constexpr std::int64_t hours = std::int64_t{1} << 22;  ///< to the year 2448
  static constexpr NodeId nodes = NodeId{1} << 26;
  static constexpr std::int64_t parts = 1 << 12;
  std::int64_t row(std::int64_t part) const {
    return ((grain * hours + hour) * nodes + node) * parts + part;
  }
  static BlockKey of(std::int64_t row) {
    auto block = row / parts;
    return {static_cast<int>(block / nodes / hours), block / nodes % hours,
            static_cast<NodeId>(block % nodes)};
  }
};

/// The file `metrics.db`: blocks, dictionary, nodes, grains; all SQL of the metric store.
/// Write-ahead log, synchronous=NORMAL: what is committed survives the end of the daemon; a power
/// cut takes at most what came since the last checkpoint. Errors: SQLite's (store/connection.h). A
/// page that SQLite itself finds damaged costs what is in it. Owned by the MetricStore, on its
/// thread.
class BlockTable {
 public:
  /// Makes the file where it is missing (mode 0600).
  static Result<BlockTable> open(const std::string& file);

  /// Reads all without which blocks mean nothing. Error: internal, where a page of it is damaged.
  Result<> check();

  using EachNode = std::function<void(NodeId, std::string)>;
  using EachSeries = std::function<void(SeriesId, Series)>;
  Result<> read_nodes(const EachNode& each);
  Result<> read_series(const EachSeries& each);
  using EachSeen = std::function<void(SeriesId, std::int64_t day)>;
  Result<> read_seen(const EachSeen& each);
  using EachMaker = std::function<void(SeriesId, NodeId)>;
  Result<> read_makers(const EachMaker& each);
  Result<> add_node(NodeId id, const std::string& name);
  /// Where it is there under another number, it has this one from now on.
  Result<> add_series(SeriesId id, const Series& series);
  Result<> write_seen(SeriesId id, std::int64_t day);
  Result<> write_maker(SeriesId id, NodeId node);
  /// Series that were last seen before a day; never the newest, which says how far numbers went.
  Result<std::vector<Seen>> seen_before(std::int64_t day, std::size_t most);
  Result<> remove_series(SeriesId id);
  /// The number that stands for a step; made where there is none yet.
  Result<int> grain(std::int64_t step_seconds);
  /// Every grain there is, with its step.
  Result<std::vector<std::pair<int, std::int64_t>>> grains();

  /// The journal's newest sequence number as of the last commit that wrote it; 0 before.
  std::uint64_t sequence();
  Result<> write_sequence(std::uint64_t sequence);
  /// Where bringing the blocks of a damaged file over goes on; 0: there is nothing to bring.
  std::int64_t salvage_at();
  Result<> write_salvage_at(std::int64_t row);

  /// While it lives the file is locked once, not for each row, and rows are read as they were when
  /// it began. Nothing is written meanwhile.
  class Reading {
   public:
    explicit Reading(BlockTable& table);
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Connection& db_;
    bool has_begun_;
  };

  Result<> begin() { return db_.execute("BEGIN IMMEDIATE"); }
  Result<> commit() { return db_.execute("COMMIT"); }
  void roll_back();

  /// The first row from `key` on; nothing behind the last. Error: internal, where its page is
  /// damaged.
  Result<std::optional<std::int64_t>> next_row(std::int64_t key);
  /// One row; nothing where there is none or it cannot be read.
  std::optional<std::string> row(std::int64_t key);
  Result<> write(const BlockKey& key, const std::vector<std::string>& rows);
  /// The whole block. Nothing where there is none or its directory is damaged; parts that are
  /// damaged are missing in it and counted in `damaged`.
  std::optional<Block> read(const BlockKey& key, std::uint64_t& damaged);

  /// The hour of the oldest block of a grain. Error: internal, where its page is damaged.
  Result<std::optional<std::int64_t>> oldest_hour(int grain);
  Result<std::optional<std::int64_t>> newest_hour(int grain);
  /// Of one node, if it is among the newest 200 of the grain. `span_hours`: what a block spans.
  std::optional<std::int64_t> newest_hour(int grain, NodeId node, std::int64_t span_hours);
  Result<> remove(int grain, std::int64_t from_hour, std::int64_t to_hour);
  /// Moves the log into the file.
  Result<> checkpoint();
  /// Gives free pages back to the file system, when they are many.
  Result<> shrink();
  /// Rows that SQLite itself could not read.
  std::uint64_t unreadable() const { return unreadable_; }
  /// Pages in use.
  std::uint64_t bytes();

 private:
  explicit BlockTable(Connection db) : db_(std::move(db)) {}
  Result<std::optional<std::int64_t>> end_hour(int grain, std::string_view order);
  std::int64_t pragma(const char* name);
  std::int64_t state(const char* name);
  Result<> write_state(const char* name, std::int64_t value);

  Connection db_;
  std::unique_ptr<Statement> read_, write_;
  std::uint64_t unreadable_ = 0;
};

}  // namespace muster::store
