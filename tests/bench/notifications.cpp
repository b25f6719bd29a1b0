// Stores ROWS notifications (10,000,000) of 1,000 nodes in a folder of its own, then asks for the
// newest page under every combination of filters, with and without words.
//     bench_notifications [ROWS [FOLDER]]
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <filesystem>
#include <random>

#include "base/offload.h"
#include "services/notifications/archive.h"
#include "services/notifications/words.h"

using namespace muster;
using namespace muster::notifications;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

double ms_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

/// Time as the rows have it: a millisecond for every ten of them, whatever the wall says.
class RowClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp(1'700'000'000'000ms + (rows / 10) * 1ms); }
  Steady::time_point steady() const override { return Steady::now(); }
  std::int64_t rows = 0;
};

class Source {
 public:
  Source() {
    for (auto& word : vocabulary_) {
      for (auto letters = 4 + pick(8); letters > 0; --letters)
        word += static_cast<char>('a' + pick(26));
    }
  }

  Entry next(const RowClock& clock) {
    Entry entry;
    entry.at = clock.now();
    auto node = pick(1000);
    entry.node = fmt::format("shop{}@10.0.{}.{}", node, node / 250, node % 250);
    entry.node_id = fmt::format("00000000-0000-4000-8000-{:012}", node);
    entry.family = fmt::format("family{}", node % 20);
    auto rare = pick(10'000);
    auto what = pick(4);
    entry.pid = fmt::format("<0.{}.0>", pick(100'000));
    switch (what) {
      case 0:
        entry.source = "sasl", entry.kind = "supervisor_report", entry.severity = Severity::error;
        entry.text = fmt::format(
            "Supervisor: {{local,{}_sup}} Context: child_terminated Reason: "
            "{{badmatch,{{error,{}}}}} Offender: [{{pid,{}}},{{id,{}}}]",
            word(2000), word(5000), entry.pid, word(2000));
        break;
      case 1:
        entry.source = "sasl", entry.kind = "crash_report", entry.severity = Severity::error;
        entry.mfa = fmt::format("{}:handle_call/3", word(500));
        entry.text = fmt::format(
            "Error in process {} with exit value: {{{{nocatch,{}}},[{{{},handle_call,3,"
            "[{{file,\"src/{}.erl\"}},{{line,{}}}]}}]}}",
            entry.pid, word(5000), word(500), word(500), pick(1000));
        break;
      case 2:
        entry.source = "logger", entry.kind = "log", entry.severity = Severity::warning;
        entry.application = word(50);
        entry.text = fmt::format("{}: connection to 10.{}.{}.1:{} refused, retry in {} ms",
                                 word(500), pick(256), pick(256), pick(65536), pick(1000));
        break;
      default:
        entry.source = "system_monitor", entry.kind = "long_gc", entry.severity = Severity::notice;
        entry.text = fmt::format("long_gc {} {}:{}/{} timeout {} ms heap_size {} old_heap_size {}",
                                 entry.pid, word(500), word(2000), pick(6), pick(5000),
                                 pick(100'000'000), pick(100'000'000));
    }
    if (rare == 0) entry.severity = Severity::emergency, entry.text += " meltdown";
    if (rare % 1000 == 1) entry.severity = Severity::critical;
    entry.text += " erlang";
    return entry;
  }

  std::size_t pick(std::size_t below) { return random_() % below; }
  const std::string& word(std::size_t below) { return vocabulary_[pick(below)]; }

 private:
  std::mt19937_64 random_{42};
  std::array<std::string, 5000> vocabulary_;
};

struct Latencies {
  std::vector<double> ms;
  double most_cpu = 0;  ///< of this process, for one query
  double quantile(double q) {
    if (ms.empty()) return 0;
    std::sort(ms.begin(), ms.end());
    return ms[std::min(ms.size() - 1,
                       static_cast<std::size_t>(q * static_cast<double>(ms.size())))];
  }
};

/// The filters by bit: node, family, severity, source, kind, application, time.
Query query_of(unsigned filters, const std::string& words, Source& source, const RowClock& clock) {
  constexpr const char* sources[] = {"sasl", "logger", "system_monitor"};
  constexpr const char* kinds[] = {"supervisor_report", "crash_report", "log", "long_gc"};
  constexpr Severity severities[] = {Severity::emergency, Severity::critical, Severity::error,
                                     Severity::warning};
  Query query;
  auto node = source.pick(1000);
  if (filters & 1) query.node = fmt::format("shop{}@10.0.{}.{}", node, node / 250, node % 250);
  if (filters & 2) query.family = fmt::format("family{}", node % 20);
  if (filters & 4) query.severity = severities[source.pick(4)];
  if (filters & 8) query.source = sources[source.pick(3)];
  if (filters & 16) query.kind = kinds[source.pick(4)];
  if (filters & 32) query.application = source.word(50);
  if (filters & 64) {
    auto span = clock.rows / 10;
    query.since =
        Timestamp(1'700'000'000'000ms + static_cast<std::int64_t>(source.pick(span)) * 1ms);
    query.until = *query.since + (span / 3) * 1ms;
  }
  query.words = words_of(words);
  return query;
}

asio::awaitable<void> store_until(std::int64_t rows, Archive& archive, Source& source,
                                  RowClock& clock, double& appending) {
  while (clock.rows < rows) {
    std::vector<Entry> batch;
    for (int i = 0; i < 4096; ++i) {
      ++clock.rows;
      batch.push_back(source.next(clock));
    }
    auto start = Steady::now();
    auto stored = co_await archive.append(batch);
    appending += ms_since(start);
    if (!stored) throw std::runtime_error(stored.error().text());
  }
}

asio::awaitable<void> ask(Archive& archive, Query query, Latencies& latencies, std::size_t& found) {
  auto start = Steady::now();
  auto used = std::clock();
  auto page = co_await archive.search(std::move(query));
  latencies.ms.push_back(ms_since(start));
  latencies.most_cpu = std::max(latencies.most_cpu,
                                static_cast<double>(std::clock() - used) * 1000 / CLOCKS_PER_SEC);
  found = page.value().size();
}

asio::awaitable<void> measure(std::int64_t rows, std::filesystem::path folder) {
  RowClock clock;
  Source source;
  auto archive = Archive::open(folder, {std::uint64_t{16} << 30, 24h * 365}, clock).value();
  double appending = 0;
  auto before = rows - rows / 10;
  co_await store_until(before, *archive, source, clock, appending);
  fmt::print("{:>10} stored            {:>9.0f} rows/s\n", before,
             static_cast<double>(before) / appending * 1000);
  appending = 0;
  before = clock.rows;
  co_await store_until(rows, *archive, source, clock, appending);
  fmt::print("{:>10} stored, last tenth {:>8.0f} rows/s\n", clock.rows,
             static_cast<double>(clock.rows - before) / appending * 1000);
  (void)co_await archive->trim();
  fmt::print("{:>10.0f} bytes a row on disk\n",
             static_cast<double>(archive->bytes()) / static_cast<double>(clock.rows));

  fmt::print("\nnewest page (100 rows), ms; {:>38} {:>8} {:>8} {:>8} {:>8}\n", "", "median", "p99",
             "worst", "most CPU");
  Latencies all;
  for (std::string words : {"", "erlang", "refused", "child_terminated reason", "refused long_gc",
                            "meltdown", "erlang meltdown refused", "nosuchword"}) {
    Latencies these;
    std::size_t most = 0;
    for (unsigned filters = 0; filters < 128; ++filters)
      for (int round = 0; round < 5; ++round) {
        std::size_t found = 0;
        auto query = query_of(filters, words, source, clock);
        co_await ask(*archive, std::move(query), these, found);
        most = std::max(most, found);
      }
    fmt::print("128 filter combinations, words {:<34} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f}\n",
               '"' + words + '"', these.quantile(0.5), these.quantile(0.99), these.quantile(1),
               these.most_cpu);
    all.most_cpu = std::max(all.most_cpu, these.most_cpu);
    all.ms.insert(all.ms.end(), these.ms.begin(), these.ms.end());
  }
  fmt::print("{:<65} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f}\n", "all of them", all.quantile(0.5),
             all.quantile(0.99), all.quantile(1), all.most_cpu);

  Latencies meanwhile;
  asio::thread_pool maker(1);
  bool is_done = false;
  auto executor = co_await asio::this_coro::executor;
  auto searching = [&]() -> asio::awaitable<void> {
    asio::steady_timer timer(executor);
    while (!is_done) {
      std::size_t found = 0;
      auto query = query_of(static_cast<unsigned>(source.pick(128)), "erlang", source, clock);
      co_await ask(*archive, std::move(query), meanwhile, found);
      timer.expires_after(10ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
  };
  asio::co_spawn(executor, searching(), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  auto until = Steady::now() + 10s;
  while (Steady::now() < until) {
    std::vector<Entry> batch;
    auto make = [&] {
      for (int i = 0; i < 4096; ++i) {
        ++clock.rows;
        batch.push_back(source.next(clock));
      }
      return 0;
    };
    auto start = Steady::now();
    co_await offload(maker, make);
    if (!co_await archive->append(batch)) throw std::runtime_error("append failed");
    asio::steady_timer timer(executor);
    timer.expires_at(start + 100ms);  // 40,960 rows a second
    co_await timer.async_wait(asio::use_awaitable);
  }
  is_done = true;
  fmt::print("{:<65} {:>8.2f} {:>8.2f} {:>8.2f}\n", "the same while 40,000 rows/s come in",
             meanwhile.quantile(0.5), meanwhile.quantile(0.99), meanwhile.quantile(1));
  asio::steady_timer timer(executor, 100ms);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 10'000'000;
  auto folder = argc > 2 ? std::filesystem::path(argv[2])
                         : std::filesystem::temp_directory_path() / "muster-bench-notifications";
  std::filesystem::remove_all(folder);
  asio::io_context io;
  auto failed = [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  };
  asio::co_spawn(io, measure(rows, folder), failed);
  io.run();
  std::filesystem::remove_all(folder);
}
