// A disk that is full, and a file of SQLite's that is damaged.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>

#include "store/metrics/metric_store.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::store {
namespace {

constexpr std::int64_t minute = 60'000, hour = 60 * minute;
constexpr std::int64_t start = 1'699'999'200'000;  // a whole hour

/// No file of this process can grow, as on a full disk.
class FullDisk {
 public:
  FullDisk() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto now = before_;
    now.rlim_cur = 1;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class Troubled : public testing::Test {
 protected:
  void open(std::uint64_t most_memory = std::uint64_t{1} << 30,
            std::uint64_t most_bytes = std::uint64_t{1} << 30) {
    store.reset();
    MetricStore::Settings settings{*parse_schedule("1m:7d"), most_bytes, most_memory};
    auto opened = MetricStore::open(folder.path, std::move(settings));
    ASSERT_TRUE(opened) << opened.error().text();
    store = *std::move(opened);
  }
  static Batch batch(std::int64_t i, std::size_t series = 2) {
    Batch batch;
    Round round{1, {start + i * minute, start + i * minute}, {}};
    for (SeriesId id = 1; id <= series; ++id)
      round.samples.push_back({id, false, static_cast<std::uint64_t>(i)});
    batch.rounds.push_back(std::move(round));
    return batch;
  }
  void define() {
    auto first = batch(0);
    first.nodes = {{1, "a@b"}};
    first.series = {{1, {"memory.total", "", "gauge", ""}}, {2, {"ports.count", "", "gauge", ""}}};
    ASSERT_TRUE(store->append(std::move(first)));
  }
  std::vector<std::int64_t> values(SeriesId series) {
    MetricQuery query;
    query.nodes = {1};
    query.series = {series};
    query.from = start;
    query.to = start + 100 * hour;
    std::vector<std::int64_t> values;
    auto lines = store->query(query);
    if (lines && !lines->empty())
      for (auto& point : lines->front().points) values.push_back(point.value.last.integer());
    return values;
  }
  std::string first_series() {
    std::string first;
    auto read = store->read_dictionary([](NodeId, std::string) {},
                                       [&](SeriesId id, Series series) {
                                         if (id == 1) first = series.name;
                                       });
    EXPECT_TRUE(read);
    return first;
  }
  void damage_page(std::int64_t page) {
    store.reset();
    std::fstream out(folder.path / "metrics.db", std::ios::in | std::ios::out | std::ios::binary);
    out.seekp((page - 1) * 32768);
    out << std::string(32768, '\xff');
  }
  /// Overwrites the first page of a table.
  void damage_page_of(const std::string& table) {
    store.reset();
    auto file = (folder.path / "metrics.db").string();
    std::int64_t page = 0;
    {
      auto db = Connection::open(file);
      ASSERT_TRUE(db);
      Statement s(*db, "SELECT rootpage FROM sqlite_master WHERE name = ?");
      ASSERT_TRUE(s.bind(table).step());
      page = s.integer(0);
    }
    damage_page(page);
  }
  void close_hours(std::int64_t now) {
    for (bool more = true; more;) {
      auto closed = store->close_hours(now);
      ASSERT_TRUE(closed) << closed.error().text();
      more = *closed;
      was_put_aside |= is_put_aside();
    }
  }
  /// Sixty hours, each some pages of the file: what they have does not compress.
  void fill_sixty_hours() {
    std::mt19937_64 random(7);
    for (std::int64_t i = 0; i < 3600; ++i) {
      auto made = batch(i, 40);
      if (i == 0) {
        made.nodes = {{1, "a@b"}};
        for (SeriesId id = 1; id <= 40; ++id)
          made.series.push_back({id, {"memory." + std::to_string(id), "", "gauge", ""}});
      }
      for (auto& sample : made.rounds[0].samples)
        if (sample.series > 1) sample.bits = random() >> 2;
      ASSERT_TRUE(store->append(std::move(made)));
    }
    close_hours(start + 70 * hour);
  }
  /// With sixty hours in the file.
  void open_damaged_in_the_middle() {
    open();
    fill_sixty_hours();
    store.reset();
    auto pages = std::filesystem::file_size(folder.path / "metrics.db") / 32768;
    damage_page(static_cast<std::int64_t>(pages / 2));
    open();
  }
  bool is_put_aside() const { return std::filesystem::exists(folder.path / "metrics.db.damaged"); }

  bool was_put_aside = false;  ///< while hours were closed
  test::TemporaryFolder folder;
  std::unique_ptr<MetricStore> store;
};

TEST_F(Troubled, OnAFullDiskItGoesOnAndStoresAgainWhenThereIsRoom) {
  open();
  define();
  {
    FullDisk full;
    auto more = batch(1, 3);
    more.series = {{3, {"atoms.count", "", "gauge", ""}}};
    auto stored = store->append(std::move(more));
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().errc(), Errc::unavailable) << stored.error().text();
    EXPECT_EQ(store->usage().dropped, 1u);  // of the series that could not be defined
    for (std::int64_t i = 2; i < 60; ++i) EXPECT_FALSE(store->append(batch(i)));
    auto closed = store->close_hours(start + 2 * hour);
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().errc(), Errc::unavailable) << closed.error().text();
    EXPECT_EQ(values(1).size(), 60u);
  }
  auto again = batch(60, 3);
  again.series = {{3, {"atoms.count", "", "gauge", ""}}};
  ASSERT_TRUE(store->append(std::move(again)));
  EXPECT_EQ(values(3), std::vector<std::int64_t>{60});
  ASSERT_TRUE(store->close_hours(start + 3 * hour));
  open();
  EXPECT_EQ(values(1).size(), 61u);
  EXPECT_EQ(store->usage().dropped, 0u);
}

TEST_F(Troubled, WhatComesAfterAFullDiskIsInTheJournalWhateverIsMissing) {
  open();
  define();
  {
    FullDisk full;
    EXPECT_FALSE(store->append(batch(1)));
    EXPECT_FALSE(store->append(batch(2)));
  }
  ASSERT_TRUE(store->append(batch(3)));
  ASSERT_TRUE(store->append(batch(4)));
  open();
  EXPECT_EQ(values(1), (std::vector<std::int64_t>{0, 3, 4}));
}

TEST_F(Troubled, AFullDiskDoesNotFillTheMemory) {
  open(1);
  define();
  FullDisk full;
  for (std::int64_t i = 1; i < 10; ++i) EXPECT_FALSE(store->append(batch(i)));
  EXPECT_FALSE(store->close_hours(start + 2 * hour));
  EXPECT_EQ(store->usage().open_hours, 0u);
  EXPECT_EQ(store->usage().dropped, 20u);
}

TEST_F(Troubled, ADamagedPageOfTheDictionaryPutsTheFileAside) {
  open();
  define();
  damage_page_of("series");
  open();
  EXPECT_TRUE(is_put_aside());
  EXPECT_EQ(first_series(), "");
  EXPECT_TRUE(values(1).empty());  // nobody knows any more of what these were
  define();
  open();
  EXPECT_EQ(first_series(), "memory.total");
  EXPECT_EQ(values(1).size(), 1u);
}

TEST_F(Troubled, ADamagedPageOfTheDaysOnWhichSeriesWereSeenCostsNothingElse) {
  open();
  define();
  damage_page_of("seen");
  open();
  EXPECT_FALSE(is_put_aside());
  EXPECT_EQ(first_series(), "memory.total");
  auto next = batch(1);
  next.seen = {{1, 20'000}};
  ASSERT_TRUE(store->append(std::move(next)));
  close_hours(start + 2 * hour);
  EXPECT_EQ(first_series(), "memory.total");
  EXPECT_EQ(values(1).size(), 2u);
}

TEST_F(Troubled, ADamagedPageOfBlocksIsFoundWhenItIsWrittenAndTheDictionaryStays) {
  open();
  define();
  ASSERT_TRUE(store->close_hours(start + 2 * hour));
  damage_page_of("blocks");
  open();
  EXPECT_FALSE(is_put_aside());
  EXPECT_TRUE(values(1).empty());
  for (std::int64_t i = 200; i < 210; ++i) ASSERT_TRUE(store->append(batch(i)));
  close_hours(start + 10 * hour);
  EXPECT_TRUE(was_put_aside);
  EXPECT_EQ(store->usage().open_hours, 0u);
  EXPECT_EQ(values(1).size(), 10u);
  open();
  EXPECT_EQ(first_series(), "memory.total");
  EXPECT_EQ(values(1).size(), 10u);
}

TEST_F(Troubled, ADamagedPageCostsWhatIsInItAlsoWhenItHasToBeChanged) {
  open();
  fill_sixty_hours();
  ASSERT_EQ(values(1).size(), 3600u);
  store.reset();
  auto pages = std::filesystem::file_size(folder.path / "metrics.db") / 32768;
  ASSERT_GT(pages, 40u);
  damage_page(static_cast<std::int64_t>(pages / 2));
  open();
  auto before = values(1);
  EXPECT_GE(before.size(), 3600u - 180);
  // What comes late for each hour has to be written beside it, in the damaged page too.
  for (std::int64_t i = 0; i < 3600; i += 60) ASSERT_TRUE(store->append(batch(i, 2)));
  close_hours(start + 70 * hour);
  EXPECT_TRUE(was_put_aside);
  before = values(1);
  EXPECT_GE(before.size(), 3600u - 180 + 60);
  EXPECT_GE(values(40).size(), 3600u - 180);  // its columns may be in another page
  EXPECT_TRUE(std::is_sorted(before.begin(), before.end()));
  open();
  EXPECT_EQ(values(1), before);
}

TEST_F(Troubled, WhatIsLeftOfADamagedFileIsBroughtOverAlsoAfterARestart) {
  open_damaged_in_the_middle();
  for (std::int64_t i = 0; i < 3600; i += 60) ASSERT_TRUE(store->append(batch(i, 2)));
  while (!is_put_aside()) ASSERT_TRUE(store->close_hours(start + 70 * hour, 1));
  for (int i = 0; i < 70; ++i) {
    open();
    ASSERT_TRUE(store->close_hours(start + 70 * hour, 1));
  }
  close_hours(start + 70 * hour);
  auto after = values(1);
  EXPECT_GE(after.size(), 3600u - 180 + 60);
  EXPECT_LE(after.size(), 3660u);  // and nothing twice
}

TEST_F(Troubled, ADamagedFileCountsAsUsedAndIsDeletedWhenItHasBeenBroughtOver) {
  open_damaged_in_the_middle();
  auto whole = store->usage().bytes;
  for (std::int64_t i = 0; i < 3600; i += 60) ASSERT_TRUE(store->append(batch(i, 2)));
  while (!is_put_aside()) ASSERT_TRUE(store->close_hours(start + 70 * hour, 1));
  EXPECT_GE(store->usage().bytes, whole);
  ASSERT_TRUE(store->trim(start + 70 * hour));
  close_hours(start + 70 * hour);
  EXPECT_GE(values(1).size(), 3600u - 180 + 60);
  for (auto* end : {"", "-wal", "-shm"})
    EXPECT_FALSE(std::filesystem::exists(folder.path / (std::string("metrics.db.damaged") + end)))
        << end;
  EXPECT_LT(store->usage().bytes, whole * 3 / 2);
}

TEST_F(Troubled, WhatLiesAsideGoesFirstWhenThereIsNoRoom) {
  open();
  std::ofstream(folder.path / "metrics.db.damaged") << std::string(1'000'000, 'x');
  std::ofstream(folder.path / "1.journal.damaged") << std::string(1000, 'x');
  define();
  ASSERT_TRUE(store->trim(start + hour));
  EXPECT_GE(store->usage().bytes, 1'001'000u);
  open(std::uint64_t{1} << 30, 900'000);
  ASSERT_TRUE(store->trim(start + hour));
  EXPECT_FALSE(is_put_aside());
  EXPECT_LT(store->usage().bytes, 900'000u);
  EXPECT_EQ(values(1).size(), 1u);
}

}  // namespace
}  // namespace muster::store
