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

}  // namespace

MetricStore::MetricStore(fs::path folder, Settings settings, BlockTable table)
    : folder_(std::move(folder)),
      settings_(std::move(settings)),
      table_(std::move(table)),
      journal_(folder_) {}

Result<> MetricStore::read_dictionary(const BlockTable::EachNode& node,
                                      const BlockTable::EachSeries& series,
                                      const BlockTable::EachSeen& seen,
                                      const BlockTable::EachMaker& maker) {
  TRYV(table_.read_nodes(node));
  TRYV(table_.read_series(series));
  auto read = table_.read_seen(seen);  // the rest is good without it, and without the makers
  if (auto made = table_.read_makers(maker); !made)
    log::warn("metrics: who brought which series: {}", made.error().text());
  if (!read) log::warn("metrics: when series were seen: {}", read.error().text());
  return {};
}

Result<> MetricStore::define(const Batch& batch) {
  if (batch.nodes.empty() && batch.series.empty() && batch.seen.empty() && batch.makers.empty())
    return {};
  TRYV(table_.begin());
  auto saved = [&]() -> Result<> {
    for (auto& [id, name] : batch.nodes) TRYV(table_.add_node(id, name));
    for (auto& [id, series] : batch.series) TRYV(table_.add_series(id, series));
    for (auto& [id, day] : batch.seen) TRYV(table_.write_seen(id, day));
    for (auto& [id, node] : batch.makers) TRYV(table_.write_maker(id, node));
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
  if (closed && !has_more) closed = salvage_some(4 * most, has_more);
  if (closed) return has_more;
  auto mended = look_at(closed);
  if (mended) return true;
  shed_memory();
  return mended.error();
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

MetricUsage MetricStore::usage() {
  MetricUsage usage;
  usage.bytes = table_.bytes() + journal_.bytes() + bytes_put_aside();
  for (auto& [key, head] : heads_) usage.memory += memory_of(head);
  usage.damaged = damaged_ + table_.unreadable();
  usage.samples = samples_;
  usage.dropped = dropped_;
  usage.open_hours = heads_.size();
  return usage;
}

}  // namespace muster::store
