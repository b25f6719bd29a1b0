#include "services/metrics/archive.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "services/metrics/conversions.h"

namespace muster::metrics {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class HandClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  std::chrono::steady_clock::time_point steady() const override { return steady_time; }
  Timestamp time{1'795'248'930'123ms};
  std::chrono::steady_clock::time_point steady_time{1h};
};

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    auto pattern = (fs::temp_directory_path() / "muster-archive-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    store::MetricStore::Settings settings;
    settings.schedule = *store::parse_schedule("1m:7d");
    archive = std::move(*Archive::open(folder, std::move(settings), dictionary, clock));
  }
  ~ArchiveTest() override {
    archive.reset();
    fs::remove_all(folder);
  }
  template <class T>
  Result<T> run(Task<T> task) {
    std::optional<Result<T>> result;
    auto done = [&](std::exception_ptr e, Result<T> r) {
      if (e) std::rethrow_exception(e);
      result.emplace(std::move(r));
    };
    asio::co_spawn(io, std::move(task), done);
    io.restart();
    io.run();
    return std::move(*result);
  }
  void pass(std::chrono::minutes time) {
    clock.time += time;
    clock.steady_time += time;
  }
  void append() {
    store::Batch batch;
    auto now = ms(clock.time);
    batch.rounds.push_back({1, {now, now}, {{1, false, 42}}});
    ASSERT_TRUE(run(archive->append(std::move(batch))));
  }
  void look_after() {
    for (int i = 0; i < 15; ++i) ASSERT_TRUE(run(archive->look_after(true)));
  }
  std::size_t points() {
    store::MetricQuery query;
    query.nodes = {1};
    query.series = {1};
    query.to = std::numeric_limits<std::int64_t>::max();
    auto lines = run(archive->query(std::move(query)));
    return lines && !lines->empty() ? lines->front().points.size() : 0;
  }

  fs::path folder;
  asio::io_context io;
  HandClock clock;
  Dictionary dictionary;
  std::unique_ptr<Archive> archive;
};

TEST_F(ArchiveTest, AClockThatJumpsAheadDeletesNothing) {
  for (int i = 0; i < 48; ++i, pass(60min)) append();
  look_after();
  ASSERT_EQ(points(), 48u);
  clock.time += 24h * 365;
  look_after();
  pass(30min);
  look_after();
  EXPECT_EQ(points(), 48u);
  clock.time -= 24h * 365;
  look_after();
  pass(90min);
  look_after();
  EXPECT_EQ(points(), 48u);
  pass(24h * 7);
  look_after();
  EXPECT_LT(points(), 30u) << "steady again: what is past its time goes";
}

}  // namespace
}  // namespace muster::metrics
