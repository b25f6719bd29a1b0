#include "store/metrics/block_table.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.h"

namespace muster::store {
namespace {

// Big pages waste little of their end on rows of a few kilobytes.
constexpr auto schema = R"(
PRAGMA page_size = 32768;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA cache_size = -32768;
CREATE TABLE IF NOT EXISTS nodes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL,
  kind TEXT NOT NULL, part TEXT NOT NULL, UNIQUE (name, labels, kind, part));
CREATE TABLE IF NOT EXISTS seen (series INTEGER PRIMARY KEY, day INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS makers (series INTEGER PRIMARY KEY, node INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS grains (id INTEGER PRIMARY KEY, step INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS blocks (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
)";

BlockKey first_of(int grain, std::int64_t hour) {
  return {grain, hour, 0};
}

}  // namespace

Result<BlockTable> BlockTable::open(const std::string& file) {
  auto before = ::umask(0077);
  auto opened = Connection::open(file);
  ::umask(before);
  TRY(auto db, std::move(opened));
  TRYV(db.execute(schema));
  return BlockTable(std::move(db));
}

Result<> BlockTable::check() {
  TRYV(read_nodes([](NodeId, std::string) {}));
  TRYV(read_series([](SeriesId, Series) {}));
  TRYV(grains());
  Statement s(db_, "SELECT name, value FROM state");
  while (s.step()) {
  }
  return s.result();
}

Result<> BlockTable::read_nodes(const EachNode& each) {
  Statement s(db_, "SELECT id, name FROM nodes");
  while (s.step()) each(static_cast<NodeId>(s.integer(0)), s.text(1));
  return s.result();
}

Result<> BlockTable::read_series(const EachSeries& each) {
  Statement s(db_, "SELECT id, name, labels, kind, part FROM series");
  while (s.step())
    each(static_cast<SeriesId>(s.integer(0)), Series{s.text(1), s.text(2), s.text(3), s.text(4)});
  return s.result();
}

Result<> BlockTable::read_seen(const EachSeen& each) {
  Statement s(db_, "SELECT series, day FROM seen");
  while (s.step()) each(static_cast<SeriesId>(s.integer(0)), s.integer(1));
  return s.result();
}

Result<> BlockTable::read_makers(const EachMaker& each) {
  Statement s(db_, "SELECT series, node FROM makers");
  while (s.step()) each(static_cast<SeriesId>(s.integer(0)), static_cast<NodeId>(s.integer(1)));
  return s.result();
}

Result<> BlockTable::add_node(NodeId id, const std::string& name) {
  Statement s(db_, "INSERT OR IGNORE INTO nodes (id, name) VALUES (?, ?)");
  return s.bind(std::int64_t{id}).bind(name).run();
}

Result<> BlockTable::add_series(SeriesId id, const Series& series) {
  Statement s(
      db_, "INSERT OR REPLACE INTO series (id, name, labels, kind, part) VALUES (?, ?, ?, ?, ?)");
  s.bind(std::int64_t{id}).bind(series.name).bind(series.labels);
  return s.bind(series.kind).bind(series.part).run();
}

Result<> BlockTable::write_seen(SeriesId id, std::int64_t day) {
  Statement s(db_, "INSERT OR REPLACE INTO seen (series, day) VALUES (?, ?)");
  return s.bind(std::int64_t{id}).bind(day).run();
}

Result<> BlockTable::write_maker(SeriesId id, NodeId node) {
  Statement s(db_, node != 0 ? "INSERT OR REPLACE INTO makers (series, node) VALUES (?1, ?2)"
                             : "DELETE FROM makers WHERE series = ?1 AND ?2 = 0");
  return s.bind(std::int64_t{id}).bind(std::int64_t{node}).run();
}

Result<std::vector<Seen>> BlockTable::seen_before(std::int64_t day, std::size_t most) {
  std::vector<Seen> found;
  Statement s(db_,
              "SELECT series, day FROM seen WHERE day < min(?, (SELECT max(day) FROM seen))"
              " AND series < (SELECT max(id) FROM series) LIMIT ?");
  s.bind(day).bind(static_cast<std::int64_t>(most));
  while (s.step()) found.emplace_back(static_cast<SeriesId>(s.integer(0)), s.integer(1));
  TRYV(s.result());
  return found;
}

Result<> BlockTable::remove_series(SeriesId id) {
  for (auto* sql : {"DELETE FROM series WHERE id = ?", "DELETE FROM seen WHERE series = ?",
                    "DELETE FROM makers WHERE series = ?"}) {
    Statement s(db_, sql);
    TRYV(s.bind(std::int64_t{id}).run());
  }
  return {};
}

Result<int> BlockTable::grain(std::int64_t step_seconds) {
  Statement add(db_, "INSERT OR IGNORE INTO grains (step) VALUES (?)");
  TRYV(add.bind(step_seconds).run());
  Statement s(db_, "SELECT id FROM grains WHERE step = ?");
  s.bind(step_seconds);
  s.step();
  TRYV(s.result());
  return static_cast<int>(s.integer(0));
}

Result<std::vector<std::pair<int, std::int64_t>>> BlockTable::grains() {
  std::vector<std::pair<int, std::int64_t>> all;
  Statement s(db_, "SELECT id, step FROM grains ORDER BY step");
  while (s.step()) all.emplace_back(static_cast<int>(s.integer(0)), s.integer(1));
  TRYV(s.result());
  return all;
}

std::int64_t BlockTable::state(const char* name) {
  Statement s(db_, "SELECT value FROM state WHERE name = ?");
  return s.bind(name).step() ? s.integer(0) : 0;
}

Result<> BlockTable::write_state(const char* name, std::int64_t value) {
  Statement s(db_, "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)");
  return s.bind(name).bind(value).run();
}

std::uint64_t BlockTable::sequence() {
  return static_cast<std::uint64_t>(state("sequence"));
}

Result<> BlockTable::write_sequence(std::uint64_t sequence) {
  return write_state("sequence", static_cast<std::int64_t>(sequence));
}

std::int64_t BlockTable::salvage_at() {
  return state("salvage_at");
}

Result<> BlockTable::write_salvage_at(std::int64_t row) {
  return write_state("salvage_at", row);
}

/// Without it everything is read all the same, only slower.
BlockTable::Reading::Reading(BlockTable& table)
    : db_(table.db_), has_begun_(db_.execute("BEGIN").has_value()) {}

BlockTable::Reading::~Reading() {
  if (has_begun_) (void)db_.execute("COMMIT");
}

void BlockTable::roll_back() {
  if (sqlite3_get_autocommit(db_.handle())) return;  // SQLite has done it: a full disk
  if (auto undone = db_.execute("ROLLBACK"); !undone) log::warn("{}", undone.error().text());
}

Result<std::optional<std::int64_t>> BlockTable::next_row(std::int64_t key) {
  Statement s(db_, "SELECT key FROM blocks WHERE key >= ? ORDER BY key LIMIT 1");
  std::optional<std::int64_t> found;
  if (s.bind(key).step()) found = s.integer(0);
  TRYV(s.result());
  return found;
}

std::optional<std::string> BlockTable::row(std::int64_t key) {
  if (!read_) read_ = std::make_unique<Statement>(db_, "SELECT data FROM blocks WHERE key = ?");
  read_->reset();
  std::optional<std::string> data;
  if (read_->bind(key).step()) data = read_->blob(0);
  if (auto result = read_->result(); !result) {
    if (unreadable_++ == 0) log::error("metrics: a page is damaged: {}", result.error().text());
    read_.reset();
    return std::nullopt;
  }
  read_->reset();
  return data;
}

Result<> BlockTable::write(const BlockKey& key, const std::vector<std::string>& rows) {
  if (rows.size() > static_cast<std::size_t>(BlockKey::parts))
    return Error(Errc::too_large, "a block of too many series");
  if (row(key.row(0))) {
    Statement s(db_, "DELETE FROM blocks WHERE key BETWEEN ? AND ?");
    TRYV(s.bind(key.row(0)).bind(key.row(BlockKey::parts - 1)).run());
  }
  if (!write_)
    write_ =
        std::make_unique<Statement>(db_, "INSERT OR REPLACE INTO blocks (key, data) VALUES (?, ?)");
  for (std::size_t part = 0; part < rows.size(); ++part) {
    write_->reset();
    write_->bind(key.row(static_cast<std::int64_t>(part))).bind_blob(rows[part]);
    if (auto done = write_->run(); !done) {
      write_.reset();
      return done;
    }
  }
  write_->reset();
  return {};
}

std::optional<Block> BlockTable::read(const BlockKey& key, std::uint64_t& damaged) {
  auto head = row(key.row(0));
  if (!head) return std::nullopt;
  auto directory = decode_directory(*head);
  if (!directory) {
    ++damaged;
    return std::nullopt;
  }
  Block block{directory->sequence, directory->moments, {}};
  for (std::size_t part = 1; part <= directory->first_ids.size(); ++part) {
    auto data = row(key.row(static_cast<std::int64_t>(part)));
    auto had = block.columns.size();
    if (data && decode_part(*data, block.moments.size(), {}, block.columns)) continue;
    ++damaged;
    block.columns.resize(had);
  }
  return block;
}

Result<std::optional<std::int64_t>> BlockTable::oldest_hour(int grain) {
  return end_hour(grain, "ASC");
}

Result<std::optional<std::int64_t>> BlockTable::newest_hour(int grain) {
  return end_hour(grain, "DESC");
}

Result<std::optional<std::int64_t>> BlockTable::end_hour(int grain, std::string_view order) {
  Statement s(db_, fmt::format("SELECT key FROM blocks WHERE key >= ? AND key < ? "
                               "ORDER BY key {} LIMIT 1",
                               order));
  s.bind(first_of(grain, 0).row(0)).bind(first_of(grain + 1, 0).row(0));
  std::optional<std::int64_t> hour;
  if (s.step()) hour = BlockKey::of(s.integer(0)).hour;
  TRYV(s.result());
  return hour;
}

std::optional<std::int64_t> BlockTable::newest_hour(int grain, NodeId node,
                                                    std::int64_t span_hours) {
  auto newest = newest_hour(grain);
  if (!newest || !*newest) return std::nullopt;
  auto hour = **newest;
  for (int i = 0; i < 200 && hour >= 0; ++i, hour -= span_hours)
    if (row(BlockKey{grain, hour, node}.row(0))) return hour;
  return std::nullopt;
}

Result<> BlockTable::remove(int grain, std::int64_t from_hour, std::int64_t to_hour) {
  Statement s(db_, "DELETE FROM blocks WHERE key >= ? AND key < ?");
  return s.bind(first_of(grain, from_hour).row(0)).bind(first_of(grain, to_hour).row(0)).run();
}

Result<> BlockTable::checkpoint() {
  return db_.execute("PRAGMA wal_checkpoint(PASSIVE)");
}

std::int64_t BlockTable::pragma(const char* name) {
  Statement s(db_, std::string("PRAGMA ") + name);
  return s.step() ? s.integer(0) : 0;
}

Result<> BlockTable::shrink() {
  auto pages = pragma("page_count"), free = pragma("freelist_count");
  if (free < 256 || free * 4 < pages) return {};
  return db_.execute("PRAGMA incremental_vacuum(1024)");
}

std::uint64_t BlockTable::bytes() {
  auto pages = pragma("page_count") - pragma("freelist_count");
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(pragma("page_size"));
}

}  // namespace muster::store
