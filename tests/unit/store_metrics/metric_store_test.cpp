#include "store/metrics/metric_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "tests/unit/support/temporary_folder.h"

namespace muster::store {
namespace {

constexpr std::int64_t minute = 60'000, hour = 60 * minute;
constexpr std::int64_t start = 1'699'999'200'000;  // a whole hour

class Stored : public testing::Test {
 protected:
  void open(const char* schedule = "1m:1h 5m:1d 15m:7d") {
    store.reset();
    auto opened =
        MetricStore::open(folder.path, {*parse_schedule(schedule), std::uint64_t{1} << 30});
    ASSERT_TRUE(opened) << opened.error().text();
    store = *std::move(opened);
  }
  /// Series 1 counts, 2 is a double, 3 never changes.
  static std::vector<Sample> values(std::int64_t i) {
    return {{1, false, static_cast<std::uint64_t>(i * i)},
            {2, true, Number::of(static_cast<double>(i) / 8).bits},
            {3, false, 42}};
  }
  static Batch batch(std::int64_t at, std::int64_t i, NodeId nodes = 1) {
    Batch batch;
    for (NodeId node = 1; node <= nodes; ++node)
      batch.rounds.push_back({node, {at, at + 5}, values(i)});
    return batch;
  }
  void append(std::int64_t at, std::int64_t i, NodeId nodes = 1) {
    ASSERT_TRUE(store->append(batch(at, i, nodes)));
  }
  void close(std::int64_t now) {
    for (;;) {
      auto more = store->close_hours(now);
      ASSERT_TRUE(more) << more.error().text();
      if (!*more) return;
    }
  }
  std::vector<Point> ask(SeriesId series, std::int64_t from, std::int64_t to, std::int64_t step = 0,
                         NodeId node = 1) {
    MetricQuery query;
    query.nodes = {node};
    query.series = {series};
    query.from = from;
    query.to = to;
    query.step = step;
    auto lines = store->query(query);
    if (!lines || lines->empty()) return {};
    return lines->front().points;
  }
  /// Overwrites what is in a row of the database.
  void damage(const std::string& where) {
    store.reset();
    auto db = Connection::open((folder.path / "metrics.db").string());
    ASSERT_TRUE(db->execute("UPDATE blocks SET data = zeroblob(length(data)) WHERE " + where));
  }

  test::TemporaryFolder folder;
  std::unique_ptr<MetricStore> store;
};

TEST_F(Stored, AWeekWrittenFastIsReadBackExactly) {
  open("1m:7d");
  for (std::int64_t i = 0; i < 7 * 24 * 60; ++i) {
    append(start + i * minute, i, 3);
    if (i % 60 == 59) close(start + i * minute);
  }
  for (NodeId node = 1; node <= 3; ++node) {
    auto points = ask(2, start, start + 7 * 24 * hour, 0, node);
    ASSERT_EQ(points.size(), 7u * 24 * 60);
    for (std::int64_t i = 0; i < 7 * 24 * 60; ++i) {
      auto& point = points[static_cast<std::size_t>(i)];
      EXPECT_EQ(point.when, (Moment{start + i * minute, start + i * minute + 5}));
      EXPECT_EQ(point.value.last, Number::of(static_cast<double>(i) / 8));
    }
  }
  auto hours = ask(1, start, start + 7 * 24 * hour, hour);
  ASSERT_EQ(hours.size(), 168u);
  EXPECT_EQ(hours[1].value.min, Number::of(std::int64_t{3600}));
  EXPECT_EQ(hours[1].value.last, Number::of(std::int64_t{119 * 119}));
  EXPECT_EQ(hours[1].value.count, 60u);
}

TEST_F(Stored, OpenAndClosedHoursAnswerTogetherAtEveryStep) {
  open();
  for (std::int64_t i = 0; i < 150; ++i) append(start + i * minute, i);
  close(start + 150 * minute);
  EXPECT_EQ(store->usage().open_hours, 1u);
  for (std::int64_t step : {std::int64_t{0}, minute, 5 * minute, 10 * minute, 15 * minute, hour}) {
    auto points = ask(1, start, start + 150 * minute, step);
    std::uint64_t count = 0;
    for (auto& point : points) count += point.value.count;
    EXPECT_EQ(count, 150u) << step;
    EXPECT_EQ(points.front().value.min, Number::of(std::int64_t{0})) << step;
    EXPECT_EQ(points.back().value.last, Number::of(std::int64_t{149 * 149})) << step;
  }
  EXPECT_EQ(ask(1, start + 10 * minute, start + 20 * minute).size(), 10u);
  EXPECT_TRUE(ask(9, start, start + hour).empty());
  EXPECT_EQ(store->series_of(1), (std::vector<SeriesId>{1, 2, 3}));
}

TEST_F(Stored, AQuestionWithoutEndIsAnsweredByWhatThereIs) {
  open();
  append(start, 1);
  close(start + 2 * hour);
  // Each walk over all the hours that a number can name would take seconds.
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(ask(1, 0, std::numeric_limits<std::int64_t>::max()).size(), 1u);
}

TEST_F(Stored, NothingIsLostWhenTheProcessEndsAtOnce) {
  auto child = ::fork();
  if (child == 0) {
    open();
    Batch first = batch(start, 0, 5);
    first.nodes = {{1, "a@b"}};
    first.series = {{1, {"memory.total", "", "gauge", ""}}};
    if (!store->append(std::move(first))) ::_exit(1);
    for (std::int64_t i = 1; i < 100; ++i)
      if (!store->append(batch(start + i * minute, i, 5))) ::_exit(1);
    if (!store->close_hours(start + 100 * minute, 2)) ::_exit(1);  // two of five nodes
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  for (int life = 0; life < 2; ++life) {
    open();
    std::string node, series;
    ASSERT_TRUE(store->read_dictionary([&](NodeId, std::string name) { node = name; },
                                       [&](SeriesId, Series s) { series = s.name; }));
    EXPECT_EQ(node, "a@b");
    EXPECT_EQ(series, "memory.total");
    for (NodeId id = 1; id <= 5; ++id) {
      auto points = ask(1, start, start + 2 * hour, 0, id);
      ASSERT_EQ(points.size(), 100u) << id;
      for (std::size_t i = 0; i < 100; ++i)
        EXPECT_EQ(points[i].value.last.integer(), static_cast<std::int64_t>(i * i));
    }
    close(start + 100 * minute);
  }
  append(start + 100 * minute, 100);
  EXPECT_EQ(ask(1, start, start + 2 * hour).size(), 101u);
}

TEST_F(Stored, ATornJournalCostsItsEndOnly) {
  open();
  for (std::int64_t i = 0; i < 10; ++i) append(start + i * minute, i);
  store.reset();
  for (auto& file : std::filesystem::directory_iterator(folder.path))
    if (file.path().extension() == ".journal")
      std::filesystem::resize_file(file.path(), file.file_size() - 3);
  open();
  EXPECT_EQ(ask(1, start, start + hour).size(), 9u);
  append(start + 10 * minute, 10);
  open();
  auto points = ask(1, start, start + hour);
  ASSERT_EQ(points.size(), 10u);
  EXPECT_EQ(points.back().value.last.integer(), 100);
}

TEST_F(Stored, ADamagedBlockCostsItselfOnly) {
  open("1m:7d");
  for (std::int64_t i = 0; i < 240; ++i) append(start + i * minute, i);
  close(start + 10 * hour);
  EXPECT_EQ(ask(1, start, start + 4 * hour).size(), 240u);
  damage("key = (SELECT min(key) FROM blocks)");  // a directory
  open("1m:7d");
  EXPECT_EQ(ask(1, start, start + 4 * hour).size(), 180u);
  damage("key = (SELECT max(key) FROM blocks)");  // a part
  open("1m:7d");
  EXPECT_EQ(ask(1, start, start + 4 * hour).size(), 120u);
  EXPECT_EQ(store->usage().damaged, 2u);
}

TEST_F(Stored, AFileThatIsNoDatabaseIsPutAside) {
  std::ofstream(folder.path / "metrics.db") << std::string(100'000, 'x');
  open();
  append(start, 1);
  EXPECT_EQ(ask(1, start, start + hour).size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder.path / "metrics.db.damaged"));
}

TEST_F(Stored, WhereverAPageIsDamagedItOpensAndStores) {
  constexpr std::size_t page = 32768;
  open("1m:7d");
  auto first = batch(start, 0);
  first.nodes = {{1, "a@b"}};
  first.series = {{1, {"memory.total", "", "gauge", ""}}};
  ASSERT_TRUE(store->append(first));
  for (std::int64_t i = 1; i < 3000; ++i) append(start + i * minute, i, 100);
  close(start + 3000 * minute);
  store.reset();
  auto file = folder.path / "metrics.db";
  auto good = folder.path / "good";
  std::filesystem::copy_file(file, good);
  auto pages = std::filesystem::file_size(file) / page;
  ASSERT_GT(pages, 10u);
  std::size_t put_aside = 0;
  for (std::size_t at = 0; at < pages; ++at) {
    for (auto& entry : std::filesystem::directory_iterator(folder.path))
      if (entry.path() != good) std::filesystem::remove(entry.path());
    std::filesystem::copy_file(good, file);
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(at * page));
    bytes << std::string(page, '\xA5');
    bytes.close();
    open("1m:7d");
    ASSERT_TRUE(store) << at;
    put_aside += std::filesystem::exists(folder.path / "metrics.db.damaged");
    (void)ask(1, start, start + 3000 * minute);
    auto later = start + 4000 * minute;
    for (std::int64_t i = 0; i < 70; ++i) append(later + i * minute, i, 2);
    (void)store->close_hours(later + 3 * hour);  // may be what finds it
    close(later + 4 * hour);
    (void)store->trim(later + 4 * hour);
    ASSERT_EQ(ask(1, later, later + 2 * hour).size(), 70u) << at;
  }
  EXPECT_LT(put_aside, pages / 2);
}

TEST_F(Stored, ClocksThatJumpAndMomentsThatRepeatLoseNothing) {
  open("1m:7d");
  append(start + 50 * minute, 1);
  append(start + 50 * minute, 2);
  append(start + 10 * minute, 3);
  append(start + 300 * minute, 4);
  append(start + 51 * minute, 5);
  close(start + 10 * hour);
  append(start + 52 * minute, 6);  // late: its hour is closed
  close(start + 10 * hour);
  std::vector<std::int64_t> values;
  for (auto& point : ask(1, start, start + 10 * hour)) values.push_back(point.value.last.integer());
  EXPECT_EQ(values, (std::vector<std::int64_t>{9, 1, 4, 25, 36, 16}));
  append(-5, 1);
  EXPECT_EQ(store->usage().open_hours, 0u);
}

TEST_F(Stored, EachTierIsKeptForItsTime) {
  open();
  auto now = start;
  for (std::int64_t i = 0; i < 9 * 24 * 60; ++i, now += minute) {
    append(now, i);
    if (i % 60 != 10) continue;
    close(now);
    ASSERT_TRUE(store->trim(now));
  }
  auto raw = ask(1, now - 9 * 24 * hour, now);
  // raw for an hour or two, five minutes for a day, then a quarter of an hour for a week
  EXPECT_GE(raw.size(), 60 + 12 * 22 + 4 * 24 * 6u);
  EXPECT_LE(raw.size(), 4 * 60 + 12 * 25 + 4 * 24 * 7u + 30);
  EXPECT_LE(raw.front().when.at, now - 7 * 24 * hour + 6 * hour);
  EXPECT_GE(raw.front().when.at, now - 7 * 24 * hour - 13 * hour);
  for (std::size_t i = 1; i < raw.size(); ++i) EXPECT_GT(raw[i].when.at, raw[i - 1].when.at);
  std::uint64_t count = 0;
  for (auto& point : ask(1, now - 6 * 24 * hour, now, 15 * minute)) count += point.value.count;
  EXPECT_NEAR(static_cast<double>(count), 6 * 24 * 60, 30);
}

TEST_F(Stored, AboveTheLimitTheOldestGoesFirst) {
  auto opened =
      MetricStore::open(folder.path, {*parse_schedule("1m:7d"), 680'000});  // each table has a page
  store = *std::move(opened);
  std::mt19937_64 random(1);
  for (std::int64_t i = 0; i < 20 * 60; ++i) {
    Round round{1, {start + i * minute, 0}, {}};
    for (SeriesId series = 1; series <= 100; ++series)
      round.samples.push_back({series, false, random()});
    Batch one;
    one.rounds.push_back(std::move(round));
    ASSERT_TRUE(store->append(std::move(one)));
    if (i % 60 != 5) continue;
    close(start + i * minute);
    ASSERT_TRUE(store->trim(start + i * minute));
  }
  EXPECT_LT(store->usage().bytes, 1'000'000u);
  auto points = ask(1, start, start + 20 * hour);
  ASSERT_GE(points.size(), 300u);
  EXPECT_EQ(points.back().when.at, start + (20 * 60 - 1) * minute);
}

TEST_F(Stored, TooManyPointsAreRefused) {
  open();
  for (std::int64_t i = 0; i < 30; ++i) append(start + i * minute, i);
  MetricQuery query;
  query.nodes = {1};
  query.series = {1, 2, 3};
  query.from = start;
  query.to = start + hour;
  query.most_points = 80;
  auto lines = store->query(query);
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().errc(), Errc::too_large);
}

}  // namespace
}  // namespace muster::store
