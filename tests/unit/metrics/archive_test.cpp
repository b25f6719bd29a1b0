#include "services/metrics/archive.h"

#include <gtest/gtest.h>

#include "services/metrics/conversions.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() { open(); }
  void open() {
    archive.reset();
    dictionary = {};
    store::MetricStore::Settings settings;
    settings.schedule = *store::parse_schedule("1m:7d");
    archive = std::move(*Archive::open(folder.path, std::move(settings), dictionary, clock));
  }
  template <class T>
  Result<T> run(Task<T> task) {
    return test::finish(io, std::move(task));
  }
  void append() {
    store::Batch batch;
    auto now = ms(clock.time);
    batch.rounds.push_back({1, {now, now}, {{1, false, 42}}});
    ASSERT_TRUE(run(archive->append(std::move(batch))));
  }
  /// As the service does it.
  SeriesId see(const std::string& peer) {
    auto id = dictionary.series({"dist.queue", "peer=\"" + peer + "\"", "gauge", ""});
    EXPECT_TRUE(dictionary.note_seen(id, day_of(clock.time), 1));
    store::Batch batch;
    auto now = ms(clock.time);
    batch.rounds.push_back({dictionary.node("a@b"), {now, now}, {{id, false, 42}}});
    dictionary.add_unsaved(batch);
    auto stored = run(archive->append(std::move(batch)));
    EXPECT_TRUE(stored);
    if (stored) dictionary.saved(*stored);
    return id;
  }
  std::vector<SeriesId> free_series() {
    auto stale = run(archive->stale_series());
    EXPECT_TRUE(stale) << stale.error().text();
    auto gone = dictionary.drop(*stale);
    EXPECT_TRUE(run(archive->remove_series(gone)));
    return gone;
  }
  void look_after() {
    for (int i = 0; i < 15; ++i) ASSERT_TRUE(run(archive->look_after(true)));
  }
  std::size_t points() {
    store::MetricQuery query;
    query.nodes = {1};
    query.series = {1};
    query.to = ms(clock.time) + 1;
    auto lines = run(archive->query(std::move(query)));
    return lines && !lines->empty() ? lines->front().points.size() : 0;
  }

  test::TemporaryFolder folder;
  asio::io_context io;
  test::HandClock clock;
  Dictionary dictionary;
  std::unique_ptr<Archive> archive;
};

TEST_F(ArchiveTest, AClockThatJumpsAheadDeletesNothing) {
  for (int i = 0; i < 48; ++i, clock.turn(60min)) append();
  look_after();
  ASSERT_EQ(points(), 48u);
  clock.time += 24h * 365;
  look_after();
  clock.turn(30min);
  look_after();
  EXPECT_EQ(points(), 48u);
  clock.time -= 24h * 365;
  look_after();
  clock.turn(90min);
  look_after();
  EXPECT_EQ(points(), 48u);
  clock.turn(24h * 7);
  look_after();
  EXPECT_LT(points(), 30u) << "steady again: what is past its time goes";
}

using Ids = std::vector<SeriesId>;

TEST_F(ArchiveTest, ANameIsKeptForAsLongAsAnythingOfItIsAndItsNumberIsNeverGivenAgain) {
  auto old = see("rabbitmqctl-1@b"), steady = see("c@d");
  for (int day = 0; day < 7; ++day) {
    clock.turn(24h);
    EXPECT_EQ(see("c@d"), steady);
    look_after();
    EXPECT_EQ(free_series(), Ids{}) << day;
  }
  open();
  EXPECT_EQ(see("rabbitmqctl-2@b"), 3u);
  for (int day = 0; day < 2; ++day) {
    clock.turn(24h);
    EXPECT_EQ(see("c@d"), steady);
    look_after();
  }
  EXPECT_EQ(free_series(), Ids{old});
  EXPECT_EQ(free_series(), Ids{});
  open();
  EXPECT_EQ(dictionary.size(), 2u);
  EXPECT_EQ(see("rabbitmqctl-1@b"), 4u) << "it is back";
  open();
  EXPECT_EQ(see("rabbitmqctl-1@b"), 4u);
}

TEST_F(ArchiveTest, ANameThatIsSeenAgainWhileItGoesStays) {
  auto old = see("c@d");
  for (int day = 0; day < 10; ++day) {
    clock.turn(24h);
    see("e@f");
    look_after();
  }
  dictionary.note_seen(old, day_of(clock.time), 1);
  EXPECT_EQ(free_series(), Ids{});
  EXPECT_EQ(see("c@d"), old);
  open();
  EXPECT_EQ(see("c@d"), old);
}

TEST_F(ArchiveTest, WhoBroughtASeriesIsKnownAfterARestart) {
  dictionary.node("liar@b");
  for (auto* name : {"folsom.one", "folsom.two"})
    dictionary.series({name, "", "counter", ""}, Dictionary::From::node, 1);
  dictionary.series({"folsom.three", "", "counter", ""}, Dictionary::From::node, 1);
  dictionary.note_seen(2, day_of(clock.time), 2);  // somebody else has it, too
  see("c@d");
  open();
  EXPECT_EQ(dictionary.made_by(1), 2u);
  auto gone = dictionary.drop_of(1);
  EXPECT_EQ(gone.size(), 2u);
  EXPECT_TRUE(run(archive->remove_series(gone)));
  open();
  EXPECT_EQ(dictionary.made_by(1), 0u);
  EXPECT_EQ(dictionary.size(), 2u);
}

}  // namespace
}  // namespace muster::metrics
