// What is stored in a partition, and how it begins with what is there.
#include <algorithm>

#include "services/notifications/partition_reader.h"

namespace muster::notifications {

using store::Connection;
using store::Statement;

namespace {

constexpr auto schema = R"sql(
CREATE TABLE IF NOT EXISTS origins (
  id INTEGER PRIMARY KEY, node_id TEXT NOT NULL, node TEXT NOT NULL, family TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS kinds (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, application TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, node_at INTEGER NOT NULL, severity INTEGER NOT NULL,
  origin INTEGER NOT NULL, kind INTEGER NOT NULL, pid TEXT NOT NULL, mfa TEXT NOT NULL,
  text TEXT NOT NULL, report BLOB) STRICT;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
  text, content='', detail=none, columnsize=0, tokenize='ascii');
CREATE TABLE IF NOT EXISTS blocks (
  first_id INTEGER PRIMARY KEY, rows INTEGER NOT NULL, first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS marks (
  id INTEGER PRIMARY KEY, block INTEGER NOT NULL, key TEXT NOT NULL, rows BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS marks_by_key ON marks (block, key);
)sql";

constexpr auto settings =
    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 33554432";

/// A word in this many rows of a block has a set of its own; of a rarer one FTS5 reads the list.
constexpr std::size_t common_word = 1024;

/// Texts that many rows share, written once: (node id, node, family) and (source, kind,
/// application).
class Dictionary {
 public:
  Dictionary(Connection& db, const std::string& table)
      : insert_(db, "INSERT INTO " + table + " VALUES (?, ?, ?, ?)") {
    Statement s(db, "SELECT * FROM " + table);
    while (s.step()) ids_[joined(s.text(1), s.text(2), s.text(3))] = s.integer(0);
  }

  Result<std::int64_t> id(const std::string& a, const std::string& b, const std::string& c) {
    auto [at, is_new] =
        ids_.try_emplace(joined(a, b, c), static_cast<std::int64_t>(ids_.size()) + 1);
    if (is_new) {
      insert_.reset();
      TRYV(insert_.bind(at->second).bind(a).bind(b).bind(c).run());
    }
    return at->second;
  }

 private:
  static std::string joined(const std::string& a, const std::string& b, const std::string& c) {
    std::string all;
    for (auto* part : {&a, &b, &c}) all += *part, all += '\0';
    return all;
  }

  Statement insert_;
  std::unordered_map<std::string, std::int64_t> ids_;
};

}  // namespace

/// The writing connection. After an error it is made anew: statements keep their first error, and
/// the dictionaries may have what was rolled back.
struct Partition::Writer {
  explicit Writer(Connection connection)
      : db(std::move(connection)),
        origins(db, "origins"),
        kinds(db, "kinds"),
        entry(db, "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        words(db, "INSERT INTO words (rowid, text) VALUES (?, ?)"),
        mark(db, "INSERT INTO marks (block, key, rows) VALUES (?, ?, ?)") {}

  Result<> write(const Entry& e) {
    TRY(auto origin, origins.id(e.node_id, e.node, e.family));
    TRY(auto kind, kinds.id(e.source, e.kind, e.application));
    entry.reset();
    entry.bind(e.id).bind(e.at).bind(e.node_at_us).bind(static_cast<int>(e.severity));
    entry.bind(origin).bind(kind).bind(e.pid).bind(e.mfa).bind(e.text);
    if (e.report.empty())
      entry.bind(std::nullopt);
    else
      entry.bind_blob(e.report);
    TRYV(entry.run());
    words.reset();
    return words.bind(e.id).bind(e.mfa.empty() ? e.text : e.text + ' ' + e.mfa).run();
  }

  Connection db;
  Dictionary origins, kinds;
  Statement entry, words, mark;
};

Partition::Partition(std::filesystem::path file, std::int64_t first_id)
    : file_(std::move(file)), first_id_(first_id), open_(first_id) {}

Partition::~Partition() = default;

Result<std::shared_ptr<Partition>> Partition::open(std::filesystem::path file,
                                                   std::int64_t first_id) {
  std::shared_ptr<Partition> partition(new Partition(std::move(file), first_id));
  auto loaded = partition->load();
  if (!loaded) return std::move(loaded).error().context(partition->file_.string());
  return partition;
}

Result<> Partition::load() {
  TRY(auto db, Connection::open(file_.string()));
  TRYV(db.execute(settings));
  TRYV(db.execute(schema));
  Statement blocks(db, "SELECT first_id, rows, first_at, last_at FROM blocks ORDER BY first_id");
  while (blocks.step())
    blocks_.push_back({blocks.integer(0), static_cast<std::size_t>(blocks.integer(1)),
                       blocks.time(2), blocks.time(3)});
  TRYV(blocks.result());
  auto next = last_id() + 1;
  open_ = OpenBlock(next);
  Statement rest(db, select_entries);
  rest.bind(next).bind(INT64_MAX);
  while (rest.step()) open_.add(entry_of(rest));
  return rest.result();
}

Result<Partition::Writer*> Partition::writer() {
  if (!writer_) {
    TRY(auto db, Connection::open(file_.string()));
    TRYV(db.execute(settings));
    writer_ = std::make_unique<Writer>(std::move(db));
  }
  return writer_.get();
}

Result<> Partition::append(std::span<const Entry> batch, std::size_t& stored) {
  stored = 0;
  while (stored < batch.size()) {
    auto rest = batch.subspan(stored);
    TRY(auto* writer, this->writer());
    if (!open_.takes(rest.front().at)) {
      if (auto sealed = seal(*writer); !sealed) {
        writer_.reset();
        return sealed;
      }
    }
    auto room = std::min(rest.size(), RowSet::capacity - open_.span().rows);
    std::size_t count = 1;
    while (count < room && rest[count].at >= rest[count - 1].at) ++count;
    auto rows = rest.first(count);
    if (auto done = store_rows(*writer, rows); !done) {
      writer_.reset();
      return done;
    }
    stored += count;
    constexpr std::size_t at_once = 100;  // a search waits no longer than for these
    for (std::size_t i = 0; i < count; i += at_once) {
      std::lock_guard lock(mutex_);
      for (auto& entry : rows.subspan(i, std::min(at_once, count - i))) open_.add(entry);
    }
  }
  return {};
}

Result<> Partition::store_rows(Writer& writer, std::span<const Entry> rows) {
  TRYV(writer.db.execute("BEGIN IMMEDIATE"));
  for (auto& entry : rows) {
    if (auto written = writer.write(entry); !written) {
      (void)writer.db.execute("ROLLBACK");
      return written;
    }
  }
  auto committed = writer.db.execute("COMMIT");
  if (!committed) (void)writer.db.execute("ROLLBACK");
  return committed;
}

/// Writes the sets of the open block, all or nothing, and begins the next.
Result<> Partition::seal(Writer& writer) {
  auto span = open_.span();
  if (span.rows == 0) return {};
  TRYV(writer.db.execute("BEGIN IMMEDIATE"));
  Result<> written;
  for (auto& [key, rows] : open_.marks(common_word)) {
    writer.mark.reset();
    written = writer.mark.bind(span.first_id).bind(key).bind_blob(rows).run();
    if (!written) break;
  }
  if (written) {
    Statement block(writer.db, "INSERT INTO blocks VALUES (?, ?, ?, ?)");
    block.bind(span.first_id).bind(static_cast<std::int64_t>(span.rows));
    written = block.bind(span.first_at).bind(span.last_at).run();
  }
  if (written) written = writer.db.execute("COMMIT");
  if (!written) {
    (void)writer.db.execute("ROLLBACK");
    return written;
  }
  std::lock_guard lock(mutex_);
  blocks_.push_back(span);
  open_ = OpenBlock(span.first_id + static_cast<std::int64_t>(span.rows));
  return {};
}

Result<> Partition::finish() {
  TRY(auto* writer, this->writer());
  auto sealed = seal(*writer);
  if (sealed) sealed = writer->db.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  writer_.reset();
  return sealed;
}

std::int64_t Partition::last_id() const {
  std::lock_guard lock(mutex_);
  auto& open = open_.span();
  if (open.rows > 0 || blocks_.empty())
    return open.first_id + static_cast<std::int64_t>(open.rows) - 1;
  return blocks_.back().first_id + static_cast<std::int64_t>(blocks_.back().rows) - 1;
}

Timestamp Partition::first_at() const {
  std::lock_guard lock(mutex_);
  return blocks_.empty() ? open_.span().first_at : blocks_.front().first_at;
}

Timestamp Partition::last_at() const {
  std::lock_guard lock(mutex_);
  return open_.span().rows > 0 || blocks_.empty() ? open_.span().last_at : blocks_.back().last_at;
}

std::uint64_t Partition::bytes() const {
  std::uint64_t sum = 0;
  for (auto* end : {"", "-wal", "-shm"}) {
    std::error_code ec;
    auto size = std::filesystem::file_size(file_.string() + end, ec);
    if (!ec) sum += size;
  }
  return sum;
}

void Partition::remove() {
  for (auto* end : {"", "-wal", "-shm"}) {
    std::error_code ec;
    std::filesystem::remove(file_.string() + end, ec);
  }
}

}  // namespace muster::notifications
