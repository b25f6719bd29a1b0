#include "services/notifications/archive.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "services/notifications/words.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::notifications {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() { open(); }
  void open(Retention retention = {}) {
    archive.reset();
    archive = std::move(*Archive::open(folder, retention, clock));
  }
  template <class T>
  Result<T> run(Task<T> task) {
    return test::finish(io, std::move(task));
  }
  /// Rows "row 1", "row 2", …: node 0 to 6, a severity, words that every second, third … has.
  Entry row(std::int64_t number) {
    Entry entry;
    entry.at = clock.time;
    entry.node = "n" + std::to_string(number % 7) + "@h";
    entry.node_id = "id" + std::to_string(number % 7);
    entry.family = number % 7 < 3 ? "shop" : "bank";
    entry.severity = static_cast<Severity>(number % 8);
    entry.source = number % 2 ? "logger" : "sasl";
    entry.kind = "log";
    entry.application = number % 5 ? "" : "mnesia";
    entry.mfa = "m:f/1";
    entry.text = "Row " + std::to_string(number) + (number % 2 ? " odd" : " even") +
                 (number % 1000 ? "" : " Thousandth") + " all";
    return entry;
  }
  void append(std::int64_t from, std::int64_t to) {
    while (from < to) {
      std::vector<Entry> batch;
      for (; from < to && batch.size() < 5000; ++from) batch.push_back(row(from));
      ASSERT_TRUE(run(archive->append(batch)));
    }
  }
  /// The numbers in the texts of what was found.
  std::vector<std::int64_t> find(Query query) {
    std::vector<std::int64_t> numbers;
    auto found = run(archive->search(std::move(query)));
    EXPECT_TRUE(found);
    for (auto& entry : *found) numbers.push_back(std::stoll(entry.text.substr(4)));
    return numbers;
  }
  /// What a search of all rows, one by one, finds.
  template <class Fits>
  std::vector<std::int64_t> expected(std::int64_t rows, std::size_t limit, Fits fits) {
    std::vector<std::int64_t> numbers;
    for (auto number = rows; number >= 1 && numbers.size() < limit; --number)
      if (fits(number)) numbers.push_back(number);
    return numbers;
  }

  asio::io_context io;
  test::HandClock clock;
  test::TemporaryFolder temporary;
  const fs::path folder = temporary.path;
  std::unique_ptr<Archive> archive;
};

TEST_F(ArchiveTest, GivesBackWhatItWasGiven) {
  auto entry = row(1);
  entry.pid = "<0.1.0>";
  entry.report = std::string("\x83\x6a\0x", 4);
  entry.node_at_us = 123;
  std::vector<Entry> batch{entry};
  ASSERT_TRUE(run(archive->append(batch)));
  EXPECT_EQ(batch[0].id, 1);
  auto got = run(archive->get(1)).value();
  EXPECT_EQ(got.at, entry.at);
  EXPECT_EQ(got.node_at_us, 123);
  EXPECT_EQ(got.node + got.node_id + got.family, "n1@hid1shop");
  EXPECT_EQ(got.severity, Severity::alert);
  EXPECT_EQ(got.source + got.kind + got.application, "loggerlog");
  EXPECT_EQ(got.pid + got.mfa + got.text, entry.pid + entry.mfa + entry.text);
  EXPECT_EQ(got.report, entry.report);
  EXPECT_EQ(run(archive->get(2)).error().errc(), Errc::not_found);
  EXPECT_EQ(run(archive->get(-5)).error().errc(), Errc::not_found);
}

TEST_F(ArchiveTest, FindsWhatFitsNewestFirstOverSealedAndOpenBlocks) {
  constexpr std::int64_t rows = 150'000;
  append(1, rows + 1);
  for (bool reopened : {false, true}) {
    if (reopened) open();
    for (unsigned filters = 0; filters < 256; ++filters) {
      Query query;
      query.limit = 20;
      if (filters & 1) query.node = "n2@h";
      if (filters & 2) query.family = "bank";
      if (filters & 4) query.severity = Severity::critical;
      if (filters & 8) query.source = "sasl";
      if (filters & 16) query.application = "mnesia";
      if (filters & 32) query.words = words_of("EVEN all");
      if (filters & 64) query.words = words_of("thousandth m:f");
      if (filters & 128) query.before = 70'000;
      auto fits = [&](std::int64_t n) {
        return (!(filters & 1) || n % 7 == 2) && (!(filters & 2) || n % 7 >= 3) &&
               (!(filters & 4) || n % 8 <= 2) && (!(filters & 8) || n % 2 == 0) &&
               (!(filters & 16) || n % 5 == 0) &&
               (!(filters & 32) || (filters & 64) || n % 2 == 0) &&
               (!(filters & 64) || n % 1000 == 0) && (!(filters & 128) || n < 70'000);
      };
      EXPECT_EQ(find(query), expected(rows, 20, fits)) << "filters " << filters;
    }
  }
}

TEST_F(ArchiveTest, FindsAWordThatIsInOneRowOfMany) {
  append(1, 80'001);
  Query query;
  query.words = words_of("row 77777");
  EXPECT_EQ(find(query), std::vector<std::int64_t>{77'777});
  query.words = words_of("nowhere");
  EXPECT_TRUE(find(query).empty());
}

TEST_F(ArchiveTest, PagesMeetWithoutGapOrDouble) {
  append(1, 1001);
  Query query;
  query.limit = 300;
  std::vector<std::int64_t> all;
  for (;;) {
    auto page = find(query);
    if (page.empty()) break;
    all.insert(all.end(), page.begin(), page.end());
    query.before = page.back();
  }
  EXPECT_EQ(all, expected(1000, 1000, [](auto) { return true; }));
}

TEST_F(ArchiveTest, FindsByTimeAlsoAfterTheClockWasSetBack) {
  auto start = clock.time;
  append(1, 11);  // at 0 s
  clock.time = start + 60s;
  append(11, 21);
  clock.time = start + 30s;
  append(21, 31);
  Query query;
  query.since = start + 30s;
  query.until = start + 31s;
  EXPECT_EQ(find(query).size(), 10u);
  EXPECT_EQ(find(query).front(), 30);
  query.until.reset();
  EXPECT_EQ(find(query).size(), 20u);
  query.since.reset();
  query.until = start + 30s;
  EXPECT_EQ(find(query).front(), 10);
}

TEST_F(ArchiveTest, KeepsEverythingOverAnEndWithoutGoodbye) {
  append(1, 70'001);
  auto copy = folder.string() + "-copy";
  fs::copy(folder, copy);  // as kill -9 would leave it
  auto left = std::move(*Archive::open(copy, {}, clock));
  archive.swap(left);
  EXPECT_EQ(find({}).front(), 70'000);
  append(70'001, 70'002);
  Query query;
  query.words = words_of("odd");
  EXPECT_EQ(find(query).front(), 70'001);
  archive.swap(left);
  left.reset();
  fs::remove_all(copy);
}

TEST_F(ArchiveTest, AFullDiskCostsNothingThatWasStoredAndStoringGoesOnOnceThereIsRoom) {
  append(1, 101);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit full{2 << 20, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  std::int64_t next = 101;
  Result<> stored;
  while (stored && next < 100'000) {
    std::vector<Entry> batch;
    for (int i = 0; i < 1000; ++i) batch.push_back(row(next + i));
    stored = run(archive->append(batch));
    for (auto& entry : batch)
      if (entry.id > 0) ++next;
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().errc(), Errc::unavailable) << stored.error().text();
  EXPECT_EQ(find({}).front(), next - 1);
  append(next, next + 2000);
  Query all;
  all.limit = 1'000'000;
  EXPECT_EQ(find(all), expected(next + 1999, all.limit, [](auto) { return true; }));
  Query rare;
  rare.words = words_of("row " + std::to_string(next));
  EXPECT_EQ(find(rare), std::vector<std::int64_t>{next});
}

TEST_F(ArchiveTest, DeletesTheOldestFilesWhereThereIsTooMuch) {
  Retention small{std::uint64_t{40} << 20, 24h * 365};
  open(small);
  auto filler = std::string(4000, 'x');
  for (std::int64_t n = 1; n <= 30'000;) {
    std::vector<Entry> batch;
    for (int i = 0; i < 500; ++i) {
      batch.push_back(row(n++));
      batch.back().text += filler;
    }
    ASSERT_TRUE(run(archive->append(batch)));
  }
  run(archive->trim()).value();
  EXPECT_LE(archive->bytes(), small.bytes);
  EXPECT_EQ(find({}).front(), 30'000);
  EXPECT_EQ(run(archive->get(1)).error().errc(), Errc::not_found);
  Query oldest;
  oldest.limit = 100'000;
  EXPECT_GT(find(oldest).size(), 3000u);
}

TEST_F(ArchiveTest, DeletesWhatIsTooOldButNotWhenTheClockHasJustJumped) {
  open({std::uint64_t{1} << 30, 24h * 7});
  append(1, 11);
  auto pass = [&](std::chrono::hours time) { clock.turn(time); };
  pass(25h);
  append(11, 21);
  clock.time += 24h * 365;
  EXPECT_EQ(run(archive->trim()).value(), 0u);
  clock.time -= 24h * 365;
  EXPECT_EQ(run(archive->trim()).value(), 0u);
  pass(24h * 5);
  EXPECT_EQ(run(archive->trim()).value(), 0u);
  pass(24h * 2);
  EXPECT_EQ(run(archive->trim()).value(), 1u);
  EXPECT_EQ(find({}).size(), 10u);
}

TEST_F(ArchiveTest, PutsADamagedFileAsideAndGoesOn) {
  append(1, 11);
  clock.turn(25h);
  append(11, 21);
  archive.reset();
  std::vector<fs::path> files;
  for (auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".db") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 2u);
  fs::remove(files[1].string() + "-wal");
  std::ofstream(files[1]) << std::string(20'000, 'z');
  open();
  EXPECT_TRUE(fs::exists(files[1].string() + ".damaged"));
  EXPECT_EQ(find({}).size(), 10u);
  append(21, 31);
  EXPECT_EQ(find({}).size(), 20u);
  EXPECT_EQ(find({}).front(), 30);
}

}  // namespace
}  // namespace muster::notifications
