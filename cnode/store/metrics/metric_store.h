#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "store/metrics/block_table.h"
#include "store/metrics/head.h"
#include "store/metrics/journal.h"
#include "store/metrics/roll_up.h"
#include "store/metrics/schedule.h"

namespace muster::store {

/// What was measured at about the same time, of many nodes: stored as one journal entry. Ids are
/// given by the caller, counting up from 1 and never again given to something else; a new one comes
/// with its definition, and again until append() has worked; so does a series on another day.
struct Batch {
  std::vector<std::pair<NodeId, std::string>> nodes;
  std::vector<std::pair<SeriesId, Series>> series;
  std::vector<Round> rounds;
  std::vector<Seen> seen;
  std::vector<Maker> makers;
};

struct MetricQuery {
  std::vector<NodeId> nodes;
  std::vector<SeriesId> series;
  std::int64_t from = 0, to = 0;  ///< ms since the epoch, from <= at < to
  std::int64_t step = 0;          ///< ms; 0: as fine as it is kept
  std::size_t most_points = 2'000'000;
};
/// One series of one node; points in order of time (those of the same moment as they came).
struct MetricLine {
  NodeId node = 0;
  SeriesId series = 0;
  std::vector<Point> points;
};

struct MetricUsage {
  std::uint64_t bytes = 0;    ///< on disk: blocks, journal, what was put aside
  std::uint64_t memory = 0;   ///< of the open hours
  std::uint64_t damaged = 0;  ///< blocks and parts that could not be read since the start
  std::uint64_t samples = 0;  ///< appended since the start
  std::uint64_t dropped = 0;  ///< of those, what there was no room for
  std::size_t open_hours = 0;
};

/// All samples of all nodes: a folder with `metrics.db`, which has a compressed block per node and
/// hour (and roll-ups after the schedule), and the journal of the hours that are still open, whose
/// samples are also in memory (Head). append() writes the journal before it returns: `kill -9`
/// takes at most the append that was under way. close_hours() turns hours that have ended into
/// blocks, a bounded number at a time. A block that is damaged on disk costs itself only; where
/// SQLite finds a page damaged that it has to change, the file is put aside, a new one is begun
/// with the same dictionary, and close_hours() brings over what can be read. While the disk is
/// full, open hours stay in memory, within `most_memory`; beyond that the oldest are dropped and
/// counted. Blocking, on one thread at a time; made and called by the metrics service. Errors:
/// unavailable (disk), internal.
class MetricStore {
 public:
  struct Settings {
    Schedule schedule;
    std::uint64_t most_bytes = std::uint64_t{8} << 30;     ///< then the oldest goes before its time
    std::uint64_t most_memory = std::uint64_t{512} << 20;  ///< of hours that cannot be closed
  };
  /// A file that is no database, or whose dictionary is damaged, is put aside as *.damaged, and
  /// with it the journal: nobody knows any more what its numbers stand for.
  static Result<std::unique_ptr<MetricStore>> open(std::filesystem::path folder, Settings settings);

  /// What there is at the start; days of series that cannot be read are left out.
  Result<> read_dictionary(
      const BlockTable::EachNode& node, const BlockTable::EachSeries& series,
      const BlockTable::EachSeen& seen = [](SeriesId, std::int64_t) {},
      const BlockTable::EachMaker& maker = [](SeriesId, NodeId) {});

  /// Rounds whose time is beyond what can be kept (before 1970, after 2448) are left out. On an
  /// error samples are in memory until their hour is closed, and those of series and nodes that
  /// could not be defined are dropped and counted.
  Result<> append(Batch batch);

  Result<std::vector<MetricLine>> query(const MetricQuery& query);
  /// What a node has in its newest block or open hour.
  std::vector<SeriesId> series_of(NodeId node);

  /// Writes at most `most` blocks of hours that ended a minute before `now` (ms since the epoch),
  /// or where there are none, brings some over from a damaged file. True: there are more.
  Result<bool> close_hours(std::int64_t now, std::size_t most = 64);
  /// All, whether they have ended or not.
  Result<> close_all();
  /// Deletes what is past its time, if `age_counts`, and the oldest above the limit; at most some
  /// hours per call.
  Result<> trim(std::int64_t now, bool age_counts = true);
  /// Some series of which nothing is kept any more: last seen before the oldest that there is.
  Result<std::vector<Seen>> stale_series();
  /// Their definitions go.
  Result<> remove_series(const std::vector<SeriesId>& ids);
  MetricUsage usage();
  const Schedule& schedule() const { return settings_.schedule; }

 private:
  using HeadKey = std::pair<std::int64_t, NodeId>;  ///< hour, node
  class Answer;
  struct Damaged {
    BlockTable table;
    std::map<int, int> grains;  ///< its numbers, and those of the new file
  };
  MetricStore(std::filesystem::path folder, Settings settings, BlockTable table);
  static Result<std::unique_ptr<MetricStore>> try_open(const std::filesystem::path& folder,
                                                       const Settings& settings);
  Result<> begin();
  Result<> define(const Batch& batch);
  void leave_out_undefined(Batch& batch);
  /// Puts a damaged file aside and goes on with a new one.
  Result<> begin_anew(const Error& why);
  void open_damaged();
  /// Damaged files are kept while there is room.
  std::uint64_t bytes_put_aside() const;
  void remove_put_aside();
  /// Some blocks of the damaged file, which goes in the end. `has_more`: it is not through.
  Result<> salvage_some(std::size_t most, bool& has_more);
  /// The first block from a row on. Returns the row to go on at; nothing at the end.
  Result<std::optional<std::int64_t>> salvage_block(std::int64_t at);
  Result<> fill(BlockTable& table, const Batch& definitions);
  /// What a job came to; a new file where the old one turned out to be damaged.
  Result<> look_at(Result<> outcome);
  Result<> close_some(std::int64_t now, std::size_t most, bool& has_more);
  /// Since the epoch, of all that is kept; nothing where that is not known.
  Result<std::optional<std::int64_t>> oldest_hour();
  Result<> trim_some(std::int64_t now, bool age_counts);
  void shed_memory();
  void forget(HeadKey key);
  /// The journal's sequence number up to which a closed hour has what came; 0 where it is not.
  std::uint64_t closed_upto(const HeadKey& key);
  Result<> replay();
  void replay_entry(std::uint64_t sequence, std::string_view bytes,
                    std::map<HeadKey, std::uint64_t>& closed);
  Result<> close(const HeadKey& key, const Head& head);
  Result<> close_heads(const std::vector<HeadKey>& keys);
  Result<> roll_up(const Tier& tier, int grain, NodeId node, const Block& raw);
  std::optional<std::int64_t> oldest(std::size_t tier);
  std::int64_t end_of(std::size_t tier);
  void query_tier(std::size_t tier, const MetricQuery& query, std::int64_t from, std::int64_t to,
                  Answer& answer);
  void query_block(const BlockKey& key, const MetricQuery& query, std::int64_t from,
                   std::int64_t to, bool is_raw, Answer& answer);
  void query_heads(const MetricQuery& query, Answer& answer);

  std::filesystem::path folder_;
  Settings settings_;
  BlockTable table_;
  std::optional<Damaged> salvaged_;  ///< while not all of it has been brought over
  Journal journal_;
  std::vector<int> grains_;  ///< of the tiers
  std::map<HeadKey, Head> heads_;
  std::unordered_map<NodeId, std::vector<std::int64_t>> open_hours_;  ///< of each node
  std::vector<std::optional<std::int64_t>> oldest_;  ///< ms, of each tier's blocks; none: not known
  std::uint64_t sequence_ = 0;
  std::uint64_t damaged_ = 0, samples_ = 0, dropped_ = 0;
};

}  // namespace muster::store
