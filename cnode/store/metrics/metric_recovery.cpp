// How the metric store begins with what is there, whole or damaged, and begins anew.
#include <algorithm>

#include "base/log.h"
#include "store/metrics/metric_store.h"

namespace muster::store {

namespace fs = std::filesystem;

namespace {

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
  auto store = try_open(folder, settings);
  if (store || store.error().errc() != Errc::internal) return store;
  put_aside(folder, store.error());
  put_journal_aside(folder);
  return try_open(folder, settings);
}

Result<std::unique_ptr<MetricStore>> MetricStore::try_open(const fs::path& folder,
                                                           const Settings& settings) {
  auto file = (folder / "metrics.db").string();
  auto table = BlockTable::open(file);
  if (table)
    if (auto whole = table->check(); !whole) table = whole.error();
  if (!table) return std::move(table).error().context(file);
  std::unique_ptr<MetricStore> store(new MetricStore(folder, settings, *std::move(table)));
  TRYV(store->begin());
  return store;
}

Result<> MetricStore::begin() {
  for (auto& tier : settings_.schedule) {
    TRY(auto grain, table_.grain(tier.step.count()));
    grains_.push_back(grain);
  }
  oldest_.resize(grains_.size());
  if (table_.salvage_at() > 0) open_damaged();
  return replay();
}

Result<> MetricStore::look_at(Result<> outcome) {
  if (outcome || outcome.error().errc() != Errc::internal) return outcome;
  return begin_anew(outcome.error());
}

Result<> MetricStore::begin_anew(const Error& why) {
  Batch known;
  TRYV(read_dictionary([&](NodeId id, std::string name) { known.nodes.emplace_back(id, name); },
                       [&](SeriesId id, Series series) { known.series.emplace_back(id, series); },
                       [&](SeriesId id, std::int64_t day) { known.seen.emplace_back(id, day); },
                       [&](SeriesId id, NodeId node) { known.makers.emplace_back(id, node); }));
  salvaged_.reset();
  // The file is closed before it is renamed: closing removes what has its log's name.
  TRY(auto meanwhile, BlockTable::open(":memory:"));
  TRYV(fill(meanwhile, known));
  table_ = std::move(meanwhile);
  put_aside(folder_, why);
  TRY(auto fresh, BlockTable::open((folder_ / "metrics.db").string()));
  TRYV(fill(fresh, known));
  table_ = std::move(fresh);
  open_damaged();
  ++damaged_;
  oldest_.assign(oldest_.size(), std::nullopt);
  return {};
}

Result<> MetricStore::fill(BlockTable& table, const Batch& definitions) {
  TRYV(table.begin());
  for (auto& [id, name] : definitions.nodes) TRYV(table.add_node(id, name));
  for (auto& [id, series] : definitions.series) TRYV(table.add_series(id, series));
  for (auto& [id, day] : definitions.seen) TRYV(table.write_seen(id, day));
  for (auto& [id, node] : definitions.makers) TRYV(table.write_maker(id, node));
  std::vector<int> grains;
  for (auto& tier : settings_.schedule) {
    TRY(auto grain, table.grain(tier.step.count()));
    grains.push_back(grain);
  }
  TRYV(table.write_sequence(sequence_));
  TRYV(table.write_salvage_at(1));
  TRYV(table.commit());
  grains_ = std::move(grains);
  return {};
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

std::uint64_t MetricStore::closed_upto(const HeadKey& key) {
  auto sequence_of = [&](BlockTable& table, int grain) -> std::uint64_t {
    auto row = table.row(BlockKey{grain, key.first, key.second}.row(0));
    if (!row) return 0;
    auto directory = decode_directory(*row);
    return directory ? directory->sequence : 0;
  };
  auto upto = sequence_of(table_, grains_[0]);
  if (salvaged_)
    for (auto& [theirs, ours] : salvaged_->grains)
      if (ours == grains_[0]) upto = std::max(upto, sequence_of(salvaged_->table, theirs));
  return upto;
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
    if (known == closed.end()) known = closed.emplace(key, closed_upto(key)).first;
    if (sequence <= known->second) continue;
    auto& head = heads_[key];
    head.replay(sequence, index, round);
    if (head.is_empty()) heads_.erase(key);
  }
}

}  // namespace muster::store
