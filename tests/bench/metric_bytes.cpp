// Bytes per sample of what a daemon has stored: its hours closed as they are, and the same samples
// stored once more as if they had been taken every minute, so that a block has the 60 samples per
// series of a real hour.
//     bench_metric_bytes FOLDER INTERVAL_MS      (the daemon has ended; FOLDER/once_more is made)
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "store/metrics/metric_store.h"

using namespace muster;
using namespace muster::store;

namespace {

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t start = 1'699'999'200'000;  // an hour begins

template <class T>
T value_of(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print("{}\n", result.error().text());
  std::exit(1);
}

void require(const Result<>& result) {
  if (result) return;
  fmt::print("{}\n", result.error().text());
  std::exit(1);
}

std::unique_ptr<MetricStore> open(const std::filesystem::path& folder) {
  return value_of(MetricStore::open(folder, {*parse_schedule("1m:10y"), std::uint64_t{1} << 40}));
}

/// All that is stored of a node, in order of time.
std::vector<Round> rounds_of(MetricStore& store, NodeId node) {
  MetricQuery query;
  query.nodes = {node};
  query.series = store.series_of(node);
  auto now = std::chrono::system_clock::now().time_since_epoch();
  query.to = std::chrono::ceil<std::chrono::milliseconds>(now).count();
  query.from = query.to - 24 * 60 * minute;
  std::map<std::int64_t, Round> rounds;
  for (auto& line : value_of(store.query(query)))
    for (auto& [when, value] : line.points) {
      auto& round = rounds[when.at];
      round.node = node;
      round.when = when;
      round.samples.push_back({line.series, value.last.is_real, value.last.bits});
    }
  std::vector<Round> ordered;
  for (auto& [at, round] : rounds) ordered.push_back(std::move(round));
  return ordered;
}

double print(const std::filesystem::path& folder, const char* what, std::size_t samples,
             std::size_t per_block) {
  auto size = std::filesystem::file_size(folder / "metrics.db");
  auto each = static_cast<double>(size) / static_cast<double>(samples);
  fmt::print("{:<46}{:>10.2f}  ({} bytes, up to {} samples of a series per block)\n", what, each,
             size, per_block);
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::filesystem::path folder = argv[1];
  auto interval = std::stol(argv[2]);
  auto store = open(folder);
  Batch definitions;
  require(store->read_dictionary(
      [&](NodeId id, std::string name) { definitions.nodes.emplace_back(id, std::move(name)); },
      [&](SeriesId id, Series series) { definitions.series.emplace_back(id, std::move(series)); }));
  require(store->close_all());

  auto again = open(folder / "once_more");
  auto nodes = definitions.nodes;
  require(again->append(std::move(definitions)));
  std::size_t samples = 0, most = 0;
  std::set<SeriesId> series;
  for (auto& [node, name] : nodes) {
    auto rounds = rounds_of(*store, node);
    most = std::max(most, rounds.size());
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      samples += rounds[i].samples.size();
      for (auto& sample : rounds[i].samples) series.insert(sample.series);
    }
    Batch batch;
    auto first = rounds.empty() ? Moment{} : rounds.front().when;
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      auto longer = start + static_cast<std::int64_t>(i) * (minute - interval);
      auto& when = rounds[i].when;
      when = {when.at - first.at + longer, when.node_at - first.node_at + longer};
      batch.rounds.push_back(std::move(rounds[i]));
    }
    require(again->append(std::move(batch)));
  }
  require(again->close_all());
  again.reset();
  store.reset();
  fmt::print("{:<46}{:>10}  (of {} nodes, {} series)\n", "muster: samples", samples, nodes.size(),
             series.size());
  print(folder, "muster: bytes per sample, as collected", samples, most);
  auto each = print(folder / "once_more", "muster: bytes per sample, in blocks of an hour", samples,
                    std::min<std::size_t>(most, 60));
  fmt::print("{:<46}{:>10.2f}  <= 1.6 {}\n", "  so", each, each <= 1.6 ? "met" : "MISSED");
}
