#include "store/metrics/metric_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace muster::store {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t grace_ms = 60'000;

std::int64_t ms(std::chrono::seconds value) {
  return value.count() * 1000;
}

/// Ascending and each once: of doubles the last one counts.
void put_in_order(std::vector<Sample>& samples) {
  auto before = [](auto& a, auto& b) { return a.series < b.series; };
  if (!std::is_sorted(samples.begin(), samples.end(), before))
    std::stable_sort(samples.begin(), samples.end(), before);
  auto kept = samples.begin();
  for (auto& sample : samples) {
    if (kept != samples.begin() && std::prev(kept)->series == sample.series) --kept;
    *kept++ = sample;
  }
  samples.erase(kept, samples.end());
}

std::uint64_t memory_of(const Head& head) {
  return head.bytes() + head.last().samples().capacity() * sizeof(Sample) + sizeof(Head);
}

void put_aside(const fs::path& folder, const Error& why) {
  log::error("{}: {}; it is put aside as metrics.db.damaged, and a new one is begun",
             (folder / "metrics.db").string(), why.text());
  std::error_code ec;
  for (auto* end : {"", "-wal", "-shm"})
    fs::rename(folder / (std::string("metrics.db") + end),
               folder / (std::string("metrics.db.damaged") + end), ec);
}

/// What it says is of a dictionary that is gone.
void put_journal_aside(const fs::path& folder) {
  std::error_code ec;
  std::vector<fs::path> files;
  for (auto& file : fs::directory_iterator(folder, ec))
    if (file.path().extension() == ".journal") files.push_back(file.path());
  for (auto& file : files) fs::rename(file, file.string() + ".damaged", ec);
}

}  // namespace

Result<std::unique_ptr<MetricStore>> MetricStore::open(fs::path folder, Settings settings) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (!ec) fs::permissions(folder, fs::perms::owner_all, ec);
  if (ec) return Error(Errc::unavailable, folder.string() + ": " + ec.message());
  auto file = folder / "metrics.db";
  auto table = BlockTable::open(file.string());
  if (table)
    if (auto whole = table->check(); !whole) table = whole.error();
  if (!table && table.error().errc() == Errc::internal) {
    put_aside(folder, table.error());
    put_journal_aside(folder);
    table = BlockTable::open(file.string());
  }
  if (!table) return std::move(table).error().context(file.string());
  std::unique_ptr<MetricStore> store(
      new MetricStore(std::move(folder), std::move(settings), *std::move(table)));
  TRYV(store->begin());
  return store;
}

MetricStore::MetricStore(fs::path folder, Settings settings, BlockTable table)
    : folder_(std::move(folder)),
      settings_(std::move(settings)),
      table_(std::move(table)),
      journal_(folder_) {}

Result<> MetricStore::begin() {
  for (auto& tier : settings_.schedule) {
    TRY(auto grain, table_.grain(tier.step.count()));
    grains_.push_back(grain);
  }
  oldest_.resize(grains_.size());
  return replay();
}

Result<> MetricStore::read_dictionary(const BlockTable::EachNode& node,
                                      const BlockTable::EachSeries& series) {
  TRYV(table_.read_nodes(node));
  return table_.read_series(series);
}

Result<> MetricStore::define(const Batch& batch) {
  if (batch.nodes.empty() && batch.series.empty()) return {};
  TRYV(table_.begin());
  auto saved = [&]() -> Result<> {
    for (auto& [id, name] : batch.nodes) TRYV(table_.add_node(id, name));
    for (auto& [id, series] : batch.series) TRYV(table_.add_series(id, series));
    return table_.commit();
  }();
  if (!saved) table_.roll_back();
  return saved;
}

/// After a restart their numbers would stand for something else.
void MetricStore::leave_out_undefined(Batch& batch) {
  for (auto& round : batch.rounds) {
    auto before = round.samples.size();
    if (!batch.nodes.empty() && round.node >= batch.nodes.front().first) round.samples.clear();
    if (!batch.series.empty())
      std::erase_if(round.samples,
                    [&](auto& sample) { return sample.series >= batch.series.front().first; });
    dropped_ += before - round.samples.size();
  }
  std::erase_if(batch.rounds, [](auto& round) { return round.samples.empty(); });
}

Result<> MetricStore::append(Batch batch) {
  auto defined = define(batch);
  if (!defined) {
    auto mended = look_at(defined);
    defined = mended ? define(batch) : mended;
    if (!defined) leave_out_undefined(batch);
  }
  ++sequence_;
  std::string entry;
  auto oldest = BlockKey::hours;
  for (auto& round : batch.rounds) {
    auto hour = step_of(round.when.at, hour_ms) / hour_ms;
    if (hour < 0 || hour >= BlockKey::hours || round.node >= BlockKey::nodes) continue;
    put_in_order(round.samples);
    samples_ += round.samples.size();
    auto [at, is_new] = heads_.try_emplace({hour, round.node});
    if (is_new) open_hours_[round.node].push_back(hour);
    auto& head = at->second;
    put_varint(entry, round.node);
    put_varint(entry, static_cast<std::uint64_t>(hour));
    put_varint(entry, head.next_index());
    auto bytes = head.add(sequence_, round.when, round.samples);
    put_varint(entry, bytes.size());
    entry += bytes;
    oldest = std::min(oldest, hour);
  }
  if (entry.empty()) return defined;
  auto written = journal_.append(sequence_, oldest, entry);
  if (written) return defined;
  // The next rounds must not build on what the journal does not have.
  for (auto& round : batch.rounds) {
    auto head = heads_.find({step_of(round.when.at, hour_ms) / hour_ms, round.node});
    if (head != heads_.end()) head->second.begin_anew();
  }
  return written;
}

Result<> MetricStore::replay() {
  std::map<HeadKey, std::uint64_t> closed;
  auto entry = [&](std::uint64_t sequence, std::string_view bytes) {
    sequence_ = std::max(sequence_, sequence);
    replay_entry(sequence, bytes, closed);
  };
  sequence_ = table_.sequence();
  TRYV(journal_.replay(entry));
  for (auto& [key, head] : heads_) open_hours_[key.second].push_back(key.first);
  return {};
}

/// What is in a block already is left out.
void MetricStore::replay_entry(std::uint64_t sequence, std::string_view bytes,
                               std::map<HeadKey, std::uint64_t>& closed) {
  ByteReader in(bytes);
  while (in.left()) {
    auto node = static_cast<NodeId>(in.varint());
    auto hour = static_cast<std::int64_t>(in.varint());
    auto index = in.varint();
    auto round = in.take(in.varint());
    if (!in.is_good() || node >= BlockKey::nodes || hour < 0 || hour >= BlockKey::hours) return;
    journal_.note_hour(hour);
    HeadKey key{hour, node};
    auto known = closed.find(key);
    if (known == closed.end()) {
      std::uint64_t upto = 0;
      if (auto row = table_.row(BlockKey{grains_[0], hour, node}.row(0)))
        if (auto directory = decode_directory(*row)) upto = directory->sequence;
      known = closed.emplace(key, upto).first;
    }
    if (sequence <= known->second) continue;
    auto& head = heads_[key];
    head.replay(sequence, index, round);
    if (head.is_empty()) heads_.erase(key);
  }
}

Result<> MetricStore::close(const HeadKey& key, const Head& head) {
  auto [hour, node] = key;
  auto raw = head.block();
  for (std::size_t i = 1; i < grains_.size(); ++i)
    TRYV(roll_up(settings_.schedule[i], grains_[i], node, raw));
  BlockKey block_key{grains_[0], hour, node};
  if (auto before = table_.read(block_key, damaged_))
    raw = join(*std::move(before), std::move(raw));
  return table_.write(block_key, encode_block(raw));
}

Result<> MetricStore::roll_up(const Tier& tier, int grain, NodeId node, const Block& raw) {
  if (raw.moments.empty()) return {};
  RollUp rolled(raw, ms(tier.step));
  auto span_hours = tier.span().count() / 3600;
  auto hour = step_of(raw.moments.front().at, hour_ms) / hour_ms;
  BlockKey key{grain, step_of(hour, span_hours), node};
  if (auto before = table_.read(key, damaged_)) {
    RollUp all(*before);
    all.add(rolled);
    rolled = std::move(all);
  }
  return table_.write(key, encode_block(rolled.block()));
}

Result<> MetricStore::close_heads(const std::vector<HeadKey>& keys) {
  if (keys.empty()) return {};
  TRYV(table_.begin());
  auto written = [&]() -> Result<> {
    for (auto& key : keys) TRYV(close(key, heads_.at(key)));
    TRYV(table_.write_sequence(sequence_));
    return table_.commit();
  }();
  if (!written) {
    table_.roll_back();
    return written;
  }
  for (auto& key : keys) forget(key);
  oldest_.assign(oldest_.size(), std::nullopt);
  return {};
}

void MetricStore::forget(HeadKey key) {
  heads_.erase(key);
  auto hours = open_hours_.find(key.second);
  std::erase(hours->second, key.first);
  if (hours->second.empty()) open_hours_.erase(hours);
}

Result<bool> MetricStore::close_hours(std::int64_t now, std::size_t most) {
  bool has_more = false;
  auto closed = close_some(now, most, has_more);
  if (closed) return has_more;
  auto mended = look_at(closed);
  if (mended) return true;
  shed_memory();
  return mended.error();
}

Result<> MetricStore::look_at(Result<> outcome) {
  if (outcome || outcome.error().errc() != Errc::internal) return outcome;
  return begin_anew(outcome.error());
}

Result<> MetricStore::begin_anew(const Error& why) {
  Batch known;
  TRYV(read_dictionary([&](NodeId id, std::string name) { known.nodes.emplace_back(id, name); },
                       [&](SeriesId id, Series series) { known.series.emplace_back(id, series); }));
  // The file is closed before it is renamed: closing removes what has its log's name.
  TRY(auto meanwhile, BlockTable::open(":memory:"));
  TRYV(fill(meanwhile, known));
  table_ = std::move(meanwhile);
  put_aside(folder_, why);
  TRY(auto fresh, BlockTable::open((folder_ / "metrics.db").string()));
  TRYV(fill(fresh, known));
  table_ = std::move(fresh);
  ++damaged_;
  oldest_.assign(oldest_.size(), std::nullopt);
  return {};
}

Result<> MetricStore::fill(BlockTable& table, const Batch& definitions) {
  TRYV(table.begin());
  for (auto& [id, name] : definitions.nodes) TRYV(table.add_node(id, name));
  for (auto& [id, series] : definitions.series) TRYV(table.add_series(id, series));
  std::vector<int> grains;
  for (auto& tier : settings_.schedule) {
    TRY(auto grain, table.grain(tier.step.count()));
    grains.push_back(grain);
  }
  TRYV(table.write_sequence(sequence_));
  TRYV(table.commit());
  grains_ = std::move(grains);
  return {};
}

/// What cannot be stored must not fill the memory.
void MetricStore::shed_memory() {
  auto memory = usage().memory;
  std::uint64_t samples = 0;
  while (memory > settings_.most_memory && !heads_.empty()) {
    auto oldest = heads_.begin();
    samples += oldest->second.samples();
    memory -= std::min(memory, memory_of(oldest->second));
    forget(oldest->first);
  }
  dropped_ += samples;
  if (samples > 0)
    log::error("metrics: {} samples are dropped: they cannot be stored, and more than {} MB wait",
               samples, settings_.most_memory >> 20);
}

Result<> MetricStore::close_some(std::int64_t now, std::size_t most, bool& has_more) {
  auto current = step_of(now - grace_ms, hour_ms) / hour_ms;
  std::vector<HeadKey> keys;
  for (auto& [key, head] : heads_) {
    // An hour to come is of a clock that was set back since.
    if (key.first >= current && key.first <= current + 1) continue;
    has_more = keys.size() == most;
    if (has_more) break;
    keys.push_back(key);
  }
  if (keys.empty()) return {};
  TRYV(close_heads(keys));
  if (has_more) return {};
  TRYV(table_.checkpoint());
  auto needed = sequence_ + 1;
  for (auto& [key, head] : heads_) needed = std::min(needed, head.first_sequence());
  journal_.drop_before(needed);
  return {};
}

Result<> MetricStore::close_all() {
  while (!heads_.empty()) {
    std::vector<HeadKey> keys;
    for (auto& [key, head] : heads_)
      if (keys.size() < 64) keys.push_back(key);
    TRYV(close_heads(keys));
  }
  TRYV(table_.checkpoint());
  journal_.drop_before(sequence_ + 1);
  return {};
}

Result<> MetricStore::trim(std::int64_t now) {
  return look_at(trim_some(now));
}

Result<> MetricStore::trim_some(std::int64_t now) {
  constexpr std::int64_t most_hours = 6;
  auto remove = [&](int grain, std::int64_t hour, std::int64_t end) -> Result<> {
    oldest_.assign(oldest_.size(), std::nullopt);
    return table_.remove(grain, hour, end);
  };
  TRY(auto grains, table_.grains());
  for (auto& [grain, step] : grains) {
    auto oldest = table_.oldest_hour(grain);
    if (!oldest) continue;
    auto own = std::find(grains_.begin(), grains_.end(), grain);
    if (own == grains_.end()) {  // a step that the schedule no longer has
      TRYV(remove(grain, *oldest, *oldest + most_hours));
      continue;
    }
    auto& tier = settings_.schedule[static_cast<std::size_t>(own - grains_.begin())];
    auto gone = (now - ms(tier.keep) - ms(tier.span())) / hour_ms;
    // What the journal still has would be stored anew after a restart.
    if (own == grains_.begin()) gone = std::min(gone, journal_.oldest_hour() - 1);
    if (*oldest <= gone) TRYV(remove(grain, *oldest, std::min(gone + 1, *oldest + most_hours)));
  }
  for (std::size_t i = 0; i < grains_.size() && table_.bytes() > settings_.most_bytes; ++i)
    if (auto oldest = table_.oldest_hour(grains_[i])) {
      log::warn("metrics: more than {} MB, the oldest of those kept every {} s go",
                settings_.most_bytes >> 20, settings_.schedule[i].step.count());
      return remove(grains_[i], *oldest, *oldest + 1);
    }
  return table_.shrink();
}

MetricUsage MetricStore::usage() {
  MetricUsage usage;
  usage.bytes = table_.bytes() + journal_.bytes();
  for (auto& [key, head] : heads_) usage.memory += memory_of(head);
  usage.damaged = damaged_;
  usage.samples = samples_;
  usage.dropped = dropped_;
  usage.open_hours = heads_.size();
  return usage;
}

}  // namespace muster::store
