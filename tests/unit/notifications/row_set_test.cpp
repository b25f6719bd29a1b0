#include "services/notifications/row_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::notifications {
namespace {

std::vector<std::uint16_t> every(std::size_t step, std::size_t rows) {
  std::vector<std::uint16_t> places;
  for (std::size_t i = 0; i < rows; i += step) places.push_back(static_cast<std::uint16_t>(i));
  return places;
}

std::vector<int> newest_first(const RowSet& rows) {
  std::vector<int> places;
  for (auto at = rows.last(); at; at = rows.last(*at)) places.push_back(*at);
  return places;
}

TEST(RowSet, GivesItsRowsFromTheLastToTheFirst) {
  RowSet rows(200);
  rows.intersect(std::vector<std::uint16_t>{0, 63, 64, 199});
  EXPECT_EQ(newest_first(rows), (std::vector<int>{199, 64, 63, 0}));
}

TEST(RowSet, IntersectsWhatItEncodedInWhateverForm) {
  for (std::size_t rows : {1U, 100U, 65'535U, 65'536U}) {
    for (std::size_t step : {1U, 2U, 3U, 1000U}) {
      auto places = every(step, rows);
      RowSet set(rows);
      set.intersect(std::string_view(RowSet::encode(places, rows)));
      auto seen = newest_first(set);
      EXPECT_TRUE(std::equal(places.rbegin(), places.rend(), seen.begin(), seen.end()))
          << rows << " rows, every " << step;
    }
  }
}

TEST(RowSet, SaysAllInNoBytesAndFewInTwoBytesEach) {
  EXPECT_EQ(RowSet::encode(every(1, 1000), 1000).size(), 0u);
  EXPECT_EQ(RowSet::encode(every(10, 1000), 1000).size(), 200u);
  EXPECT_EQ(RowSet::encode(every(2, 65'536), 65'536).size(), 8192u);
}

TEST(RowSet, ClipsToAStretch) {
  for (auto [first, end] : {std::pair{0, 0}, {0, 64}, {1, 63}, {63, 65}, {64, 128}, {10, 300}}) {
    RowSet rows(300);
    rows.clip(static_cast<std::size_t>(first), static_cast<std::size_t>(end));
    auto seen = newest_first(rows);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(end - first));
    if (!seen.empty()) {
      EXPECT_EQ(seen.front(), end - 1);
      EXPECT_EQ(seen.back(), first);
    }
  }
}

TEST(RowSet, IsEmptyWhereTwoSetsDoNotMeet) {
  RowSet rows(65'536);
  std::vector<std::uint16_t> odd;
  for (std::size_t i = 1; i < 65'536; i += 2) odd.push_back(static_cast<std::uint16_t>(i));
  rows.intersect(std::string_view(RowSet::encode(odd, 65'536)));
  EXPECT_FALSE(rows.empty());
  rows.intersect(every(2, 65'536));
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(rows.last(), std::nullopt);
}

}  // namespace
}  // namespace muster::notifications
