// The metric store by itself: appends HOURS (3) of NODES (1,000) nodes with 150 series each minute,
// each minute's rounds as journal entries of 100 nodes, with hours closed on the way; then asks.
//     bench_metric_store [NODES [HOURS [FOLDER]]]
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>

#include "store/metrics/metric_store.h"

using namespace muster;
using namespace muster::store;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::int64_t minute = 60'000, hour = 60 * minute;
constexpr std::int64_t start = 1'699'999'200'000;
constexpr SeriesId series_count = 150;

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

/// What a node of 150 series does: a third never changes, counters grow, gauges wander.
class Node {
 public:
  explicit Node(std::uint64_t seed) : random_(seed) {
    for (SeriesId id = 1; id <= series_count; ++id) {
      auto value = random_() % 100'000'000;
      samples_.push_back({id, false, id % 10 == 9 ? Number::of(0.5).bits : value});
      samples_.back().is_real = id % 10 == 9;
    }
  }
  const std::vector<Sample>& next() {
    for (auto& sample : samples_) {
      auto kind = sample.series % 10;
      if (kind < 4) continue;
      if (kind < 7)
        sample.bits += 1000 + random_() % (kind == 4 ? 10 : kind == 5 ? 1000 : 100'000);
      else if (kind < 9)
        sample.bits += random_() % 64 - 32;
      else
        sample.bits = Number::of(static_cast<double>(random_() % 1000) / 100).bits;
    }
    return samples_;
  }

 private:
  std::mt19937_64 random_;
  std::vector<Sample> samples_;
};

template <class F>
double p95(int runs, F f) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    auto begin = Steady::now();
    f(i);
    times.push_back(seconds_since(begin) * 1000);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() * 95 / 100];
}

[[noreturn]] void fail(const Error& error) {
  fmt::print("{}\n", error.text());
  std::exit(1);
}

std::unique_ptr<MetricStore> open(const std::filesystem::path& folder, const char* schedule) {
  auto store = MetricStore::open(folder, {*parse_schedule(schedule), std::uint64_t{1} << 40});
  if (!store) fail(store.error());
  return *std::move(store);
}

void close(MetricStore& store, std::int64_t now) {
  for (;;) {
    auto more = store.close_hours(now);
    if (!more) fail(more.error());
    if (!*more) return;
  }
}

double database_size(const std::filesystem::path& folder) {
  return static_cast<double>(std::filesystem::file_size(folder / "metrics.db"));
}

void ingest(const std::filesystem::path& folder, const char* schedule, NodeId nodes,
            std::int64_t hours) {
  auto store = open(folder, schedule);
  std::vector<Node> sources;
  for (NodeId node = 0; node < nodes; ++node) sources.emplace_back(node);
  double making = 0;
  std::uint64_t memory = 0;
  auto begin = Steady::now();
  for (std::int64_t i = 0; i < hours * 60; ++i) {
    auto at = start + i * minute;
    for (NodeId node = 0; node < nodes;) {
      auto made = Steady::now();
      Batch batch;
      for (int n = 0; n < 100 && node < nodes; ++n, ++node)
        batch.rounds.push_back({node + 1, {at + node % 1000, at}, sources[node].next()});
      making += seconds_since(made);
      if (auto done = store->append(std::move(batch)); !done) fail(done.error());
    }
    if (i % 60 == 59) memory = std::max(memory, store->usage().memory);
    if (i % 60 == 2) close(*store, at);
  }
  close(*store, start + hours * hour + 2 * minute);
  auto took = seconds_since(begin) - making;
  auto samples = static_cast<double>(store->usage().samples);
  store.reset();
  fmt::print(
      "{:<20} {:>10.0f} samples/s, durable; {:.2f} bytes a sample in metrics.db; open hours {} "
      "MB\n",
      schedule, samples / took, database_size(folder) / samples, memory >> 20);
}

}  // namespace

int main(int argc, char** argv) {
  auto nodes = static_cast<NodeId>(argc > 1 ? std::stoul(argv[1]) : 1000);
  auto hours = argc > 2 ? std::stol(argv[2]) : 3;
  std::filesystem::path folder = argc > 3 ? argv[3] : "bench_metric_store.data";
  std::filesystem::remove_all(folder);
  ingest(folder / "raw", "1m:1y", nodes, hours);
  ingest(folder / "default", "1m:1h 5m:1d 15m:7d", nodes, hours);

  auto store = open(folder / "raw", "1m:1y");
  MetricQuery query;
  for (NodeId node = 1; node <= std::min<NodeId>(nodes, 1000); ++node) query.nodes.push_back(node);
  query.from = start + hour;
  query.to = query.from + hour;
  auto many = p95(20, [&](int i) {
    query.series = {static_cast<SeriesId>(4 + i * 7)};
    if (auto lines = store->query(query); !lines || lines->size() != query.nodes.size())
      std::abort();
  });
  fmt::print("one metric, {} nodes, one closed hour: p95 {:.1f} ms\n", query.nodes.size(), many);
  for (std::int64_t i = 0; i < 60; ++i) {
    Batch batch;
    for (auto node : query.nodes)
      batch.rounds.push_back({node, {start + hours * hour + i * minute, 0}, Node(node).next()});
    if (auto done = store->append(std::move(batch)); !done) fail(done.error());
  }
  query.from = start + hours * hour;
  query.to = query.from + hour;
  many = p95(20, [&](int i) {
    query.series = {static_cast<SeriesId>(4 + i * 7)};
    if (auto lines = store->query(query); !lines || lines->size() != query.nodes.size())
      std::abort();
  });
  fmt::print("one metric, {} nodes, the open hour: p95 {:.1f} ms\n", query.nodes.size(), many);

  store = open(folder / "week", "1m:1y");
  std::vector<Node> sources;
  for (NodeId node = 0; node < 20; ++node) sources.emplace_back(node);
  for (std::int64_t i = 0; i < 7 * 24 * 60; ++i) {
    Batch batch;
    for (NodeId node = 0; node < 20; ++node)
      batch.rounds.push_back({node + 1, {start + i * minute, 0}, sources[node].next()});
    if (auto done = store->append(std::move(batch)); !done) fail(done.error());
    if (i % 60 == 2) close(*store, start + i * minute);
  }
  auto week = p95(200, [&](int i) {
    MetricQuery one;
    one.nodes = {static_cast<NodeId>(1 + i % 20)};
    one.series = {static_cast<SeriesId>(1 + i * 3 % 150)};
    one.from = start;
    one.to = start + 7 * 24 * hour;
    auto lines = store->query(one);
    if (!lines || lines->size() != 1 || lines->front().points.size() != 7 * 24 * 60) std::abort();
  });
  fmt::print("one metric, one node, a week of minutes (10,080 points): p95 {:.1f} ms\n", week);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("most resident: {} MB\n", usage.ru_maxrss >> 10);
  std::filesystem::remove_all(folder);
}
