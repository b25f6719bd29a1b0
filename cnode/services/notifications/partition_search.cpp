// What is found in a partition, and how it is read.
#include <algorithm>

#include "services/notifications/partition_reader.h"

namespace muster::notifications {

using store::Connection;
using store::Statement;

const char* const select_entries =
    "SELECT e.id, e.at, e.node_at, e.severity, o.node_id, o.node, o.family, k.source, k.kind,"
    " k.application, e.pid, e.mfa, e.text, e.report FROM entries e JOIN origins o ON o.id = "
    "e.origin"
    " JOIN kinds k ON k.id = e.kind WHERE e.id >= ? AND e.id <= ?";

Entry entry_of(const Statement& s) {
  Entry entry;
  entry.id = s.integer(0);
  entry.at = s.time(1);
  entry.node_at_us = s.integer(2);
  entry.severity = static_cast<Severity>(std::clamp<std::int64_t>(s.integer(3), 0, 7));
  entry.node_id = s.text(4);
  entry.node = s.text(5);
  entry.family = s.text(6);
  entry.source = s.text(7);
  entry.kind = s.text(8);
  entry.application = s.text(9);
  entry.pid = s.text(10);
  entry.mfa = s.text(11);
  entry.text = s.text(12);
  entry.report = s.blob(13);
  return entry;
}

Partition::Reader::Reader(Connection connection)
    : db(std::move(connection)),
      mark(db, "SELECT rows FROM marks WHERE block = ? AND key = ?"),
      word(db,
           "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ? AND rowid <= ?"
           " ORDER BY rowid"),
      at(db, "SELECT at FROM entries WHERE id = ?"),
      entries(db, select_entries) {}

Result<bool> Partition::Reader::keep_marked(const BlockSpan& block, const std::string& key,
                                            RowSet& rows) {
  mark.reset();
  mark.bind(block.first_id).bind(key);
  bool is_there = mark.step();
  TRYV(mark.result());
  if (is_there) rows.intersect(mark.blob(0));
  mark.reset();
  return is_there;
}

Result<> Partition::Reader::keep_word(const BlockSpan& block, const std::string& text,
                                      RowSet& rows) {
  TRY(auto is_common, keep_marked(block, word_key(text), rows));
  if (is_common) return {};
  std::vector<std::uint16_t> places;
  word.reset();
  word.bind('"' + text + '"').bind(block.first_id);
  word.bind(block.first_id + static_cast<std::int64_t>(block.rows) - 1);
  while (word.step())
    places.push_back(static_cast<std::uint16_t>(word.integer(0) - block.first_id));
  TRYV(word.result());
  word.reset();
  rows.intersect(std::span<const std::uint16_t>(places));
  return {};
}

Result<std::size_t> Partition::Reader::place_of(const BlockSpan& block, Timestamp time) {
  std::size_t low = 0, high = block.rows;
  while (low < high) {
    auto middle = (low + high) / 2;
    at.reset();
    at.bind(block.first_id + static_cast<std::int64_t>(middle));
    bool is_older = at.step() && at.time(0) < time;
    TRYV(at.result());
    if (is_older)
      low = middle + 1;
    else
      high = middle;
  }
  at.reset();
  return low;
}

Result<Partition::Reader*> Partition::reader() {
  if (!reader_) {
    TRY(auto db, Connection::open(file_.string()));
    TRYV(db.execute("PRAGMA query_only = ON"));
    reader_ = std::make_unique<Reader>(std::move(db));
  }
  return reader_.get();
}

Result<std::vector<Entry>> Partition::search(const Query& query) {
  TRY(auto* reader, this->reader());
  std::vector<Entry> found;
  auto searched = [&]() -> Result<> {
    std::unique_lock lock(mutex_);
    auto newest = open_.match(query);
    auto span = open_.span();
    auto blocks = blocks_;
    lock.unlock();
    TRYV(reader->db.execute("BEGIN"));  // one lock of the file, not one for each set
    TRYV(clip(*reader, span, query, newest));
    TRYV(read_rows(*reader, span, newest, query, found));
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      if (found.size() >= query.limit) break;
      if (block->first_id >= query.before || (query.since && block->last_at < *query.since) ||
          (query.until && block->first_at >= *query.until))
        continue;
      TRY(auto rows, match(*reader, *block, query));
      if (rows.empty()) continue;
      TRYV(clip(*reader, *block, query, rows));
      TRYV(read_rows(*reader, *block, rows, query, found));
    }
    return reader->db.execute("COMMIT");
  }();
  if (!searched) {
    reader_.reset();
    return std::move(searched).error().context(file_.string());
  }
  return found;
}

Result<RowSet> Partition::match(Reader& reader, const BlockSpan& block, const Query& query) const {
  RowSet rows(block.rows), none(0);
  for (auto& key : query.field_keys()) {
    TRY(auto is_there, reader.keep_marked(block, key, rows));
    if (!is_there || rows.empty()) return none;
  }
  for (auto& word : query.words) {
    if (rows.empty()) break;
    TRYV(reader.keep_word(block, word, rows));
  }
  return rows;
}

Result<> Partition::clip(Reader& reader, const BlockSpan& block, const Query& query,
                         RowSet& rows) const {
  std::size_t first = 0, end = block.rows;
  if (query.before <= block.first_id)
    end = 0;
  else if (query.before - block.first_id < static_cast<std::int64_t>(end))
    end = static_cast<std::size_t>(query.before - block.first_id);
  if (query.since && block.first_at < *query.since) {
    TRY(first, reader.place_of(block, *query.since));
  }
  if (query.until && block.last_at >= *query.until) {
    TRY(auto place, reader.place_of(block, *query.until));
    end = std::min(end, place);
  }
  if (first > 0 || end < block.rows) rows.clip(first, end);
  return {};
}

Result<> Partition::read_rows(Reader& reader, const BlockSpan& block, const RowSet& rows,
                              const Query& query, std::vector<Entry>& found) const {
  for (auto place = rows.last(); place && found.size() < query.limit; place = rows.last(*place)) {
    auto id = block.first_id + *place;
    reader.entries.reset();
    reader.entries.bind(id).bind(id);
    if (reader.entries.step()) found.push_back(entry_of(reader.entries));
    TRYV(reader.entries.result());
  }
  reader.entries.reset();
  return {};
}

Result<Entry> Partition::get(std::int64_t id) {
  TRY(auto* reader, this->reader());
  reader->entries.reset();
  reader->entries.bind(id).bind(id);
  if (reader->entries.step()) {
    auto entry = entry_of(reader->entries);
    reader->entries.reset();
    return entry;
  }
  auto read = reader->entries.result();
  reader->entries.reset();
  if (!read) {
    reader_.reset();
    return std::move(read).error();
  }
  return Error(Errc::not_found, "no such notification");
}

}  // namespace muster::notifications
