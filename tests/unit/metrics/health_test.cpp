#include "services/metrics/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/metrics/scrapes.h"

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Health, ANamesValuesStandTogetherUnderOneType) {
  HealthSheet sheet;
  sheet.gauge("muster_a", "An a", 1, {{"store", "x"}});
  sheet.counter("muster_b_total", "A b", 2u);
  sheet.gauge("muster_a", "", 0.5, {{"store", "y\"z"}});
  EXPECT_EQ(sheet.exposition(),
            "# HELP muster_a An a\n# TYPE muster_a gauge\n"
            "muster_a{store=\"x\"} 1\nmuster_a{store=\"y\\\"z\"} 0.5\n"
            "# HELP muster_b_total A b\n# TYPE muster_b_total counter\nmuster_b_total 2\n");
}

TEST(Health, AHistogramsClassesHaveAllThatIsBelow) {
  Histogram histogram;
  for (auto took : {500us, 3000us, 20'000'000us}) histogram.add(took);
  HealthSheet sheet;
  sheet.histogram("muster_c_seconds", "A c", histogram);
  auto text = sheet.exposition();
  EXPECT_THAT(text, HasSubstr("# TYPE muster_c_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_bucket{le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_bucket{le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_sum 20.0035\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_c_seconds_count 3\n"));
}

TEST(Scrapes, TheFifthAtOnceIsRefusedUntilOneIsRead) {
  ExpositionPlan plan;
  Scrapes scrapes;
  std::vector<std::unique_ptr<ops::BodySource>> readers;
  auto begin = [&] {
    auto admitted = scrapes.admit();
    using Nodes = std::vector<std::pair<std::string, LatestPtr>>;
    if (admitted)
      readers.push_back(scrapes.begin(std::make_unique<Exposition>(plan, Nodes(), "x")));
    return admitted;
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(begin());
  EXPECT_EQ(begin().error().errc(), Errc::unavailable);
  readers.pop_back();
  EXPECT_TRUE(begin());
  EXPECT_EQ(scrapes.answered(), 5u);
  EXPECT_EQ(scrapes.refused(), 1u);
  readers.clear();
  EXPECT_EQ(scrapes.under_way(), 0u);
}

}  // namespace
}  // namespace muster::metrics
