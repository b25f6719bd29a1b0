#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "store/metrics/head.h"
#include "store/metrics/roll_up.h"

namespace muster::store {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

Number n(std::int64_t value) {
  return Number::of(value);
}
Number d(double value) {
  return Number::of(value);
}

Column column_of(const std::vector<std::optional<Number>>& values) {
  Column column;
  for (auto& value : values)
    if (value)
      column.push(*value);
    else
      column.push_missing();
  return column;
}

void expect_round_trip(const Column& column) {
  std::string bytes;
  encode_column(column, bytes);
  auto back = decode_column(bytes, column.cells.size());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cells, column.cells);
  EXPECT_EQ(back->bits, column.bits);
  for (std::size_t cut = 0; cut < bytes.size();
       ++cut)  // damaged: an error or other values, no more
    (void)decode_column(bytes.substr(0, cut), column.cells.size());
}

TEST(Column, KeepsEveryBitOfEveryValue) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  expect_round_trip(column_of({}));
  expect_round_trip(column_of({std::nullopt, std::nullopt}));
  expect_round_trip(column_of({n(7), n(7), n(7)}));
  expect_round_trip(column_of({n(least), n(most), n(least), n(0), n(-1), n(most)}));
  expect_round_trip(column_of({n(1000), n(2000), n(3000), n(5), n(1005), n(2005)}));  // a reset
  expect_round_trip(column_of({d(nan), d(inf), d(-inf), d(0.0), d(-0.0), d(1e308), d(5e-324)}));
  expect_round_trip(column_of({d(-0.0), d(-0.0)}));
  expect_round_trip(column_of({d(0.25), d(12.5), d(1.23), d(99.99), d(-4.01)}));
  expect_round_trip(column_of({d(1.0 / 3), d(2.0 / 3), d(M_PI)}));
  expect_round_trip(column_of({n(1), d(1.5), std::nullopt, n(most), d(nan)}));
  expect_round_trip(column_of({std::nullopt, n(5), std::nullopt, n(6), n(9), std::nullopt, n(1),
                               n(2), n(3), std::nullopt}));
  std::mt19937_64 random(1);
  for (int run = 0; run < 300; ++run) {
    std::vector<std::optional<Number>> values;
    for (auto left = random() % 80; left > 0; --left) {
      auto bits = random() >> (random() % 64);
      if (random() % 8 == 0)
        values.push_back(std::nullopt);
      else
        values.push_back(Number{bits, run % 3 == 0 ? random() % 2 == 0 : run % 3 == 1});
    }
    expect_round_trip(column_of(values));
  }
}

TEST(Column, WhatNeverChangesTakesAHandfulOfBytes) {
  std::string bytes;
  encode_column(column_of(std::vector<std::optional<Number>>(60, n(262144))), bytes);
  EXPECT_LE(bytes.size(), 5u);
}

TEST(Block, IsReadBackWholeAndByOneSeries) {
  Block block;
  block.sequence = 77;
  std::mt19937_64 random(2);
  for (int row = 0; row < 60; ++row) {
    auto at = 1'700'000'000'000 + row * 60'000 + static_cast<std::int64_t>(random() % 20);
    block.moments.push_back({at, at - 3});
  }
  block.moments[30] = block.moments[29];  // asked twice at once
  block.moments[40].at -= 900'000;        // the clock was set back
  block.moments[41].node_at = -1;
  for (SeriesId series = 1; series <= 400; ++series) {
    auto& column = block.columns.emplace_back();
    column.id = std::uint64_t{series} * 8;
    for (int row = 0; row < 60; ++row) column.push(n(static_cast<std::int64_t>(random() % 10'000)));
  }
  auto rows = encode_block(block);
  ASSERT_GT(rows.size(), 3u);
  auto directory = decode_directory(rows[0]);
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->sequence, 77u);
  EXPECT_EQ(directory->moments, block.moments);
  ASSERT_EQ(directory->first_ids.size(), rows.size() - 1);
  for (SeriesId series : {1u, 200u, 400u}) {
    std::vector<Column> found;
    std::vector<SeriesId> wanted{series};
    auto part = directory->part_of(series * 8);
    ASSERT_TRUE(decode_part(rows[part], 60, wanted, found));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].bits, block.columns[series - 1].bits);
  }
}

TEST(Block, ADamagedRowIsAnErrorWhateverIsDamaged) {
  Block block;
  block.moments = {{1000, 1000}, {2000, 2000}};
  for (SeriesId series = 1; series <= 20; ++series)
    block.columns.push_back(column_of({n(series), d(series * 0.1)})),
        block.columns.back().id = series * 8;
  auto rows = encode_block(block);
  for (std::size_t at = 0; at < rows[1].size(); ++at) {
    auto bad = rows[1];
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    std::vector<Column> found;
    auto read = decode_part(bad, 2, {}, found);
    if (read) {  // a bit that means nothing
      EXPECT_EQ(found[3].bits, block.columns[3].bits);
    }
    (void)decode_part(std::string_view(rows[1]).substr(0, at), 2, {}, found);
    (void)decode_directory(std::string_view(rows[0]).substr(0, std::min(at, rows[0].size())));
  }
}

TEST(RoundCoder, GivesBackWhatItGotWhateverChanges) {
  std::mt19937_64 random(3);
  RoundCoder writer, reader;
  for (int round = 0; round < 500; ++round) {
    std::vector<Sample> samples;
    for (SeriesId series = 1; series < 60; ++series)
      if (random() % 20 != 0 || round % 10 != 0) {
        bool is_real = series % 3 == 0;
        auto value = is_real ? Number::of(static_cast<double>(random() % 100) / 7).bits
                             : random() >> (random() % 60);
        samples.push_back({series, is_real, random() % 2 ? value : 5});
      }
    Moment when{static_cast<std::int64_t>(random() % 1'000'000),
                static_cast<std::int64_t>(random())};
    std::string bytes;
    writer.encode(when, samples, round % 16 == 0, bytes);
    ByteReader in(bytes);
    ASSERT_TRUE(reader.decode(in));
    EXPECT_EQ(in.left(), 0u);
    EXPECT_EQ(reader.samples(), samples);
    EXPECT_EQ(reader.when(), when);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
      RoundCoder other = reader;
      ByteReader part(std::string_view(bytes).substr(0, cut));
      EXPECT_FALSE(other.decode(part));
    }
  }
}

TEST(Head, AfterALostRoundItGoesOnAtTheNextKey) {
  Head head, replayed;
  std::vector<std::string> bytes;
  for (int round = 0; round < 40; ++round) {
    std::vector<Sample> samples{{1, false, static_cast<std::uint64_t>(round)}};
    bytes.emplace_back(head.add(1, {round * 60'000, 0}, samples));
  }
  std::size_t taken = 0;
  for (std::size_t round = 0; round < 40; ++round)
    if (round != 5) taken += replayed.replay(1, round, bytes[round]);
  EXPECT_EQ(taken, 5u + 24u);
  std::vector<std::uint64_t> values;
  replayed.each([&](Moment, auto& samples) { values.push_back(samples.at(0).bits); });
  EXPECT_EQ(values[4], 4u);
  EXPECT_EQ(values[5], 16u);
  EXPECT_EQ(values.back(), 39u);
}

TEST(RollUp, KeepsCountMinimumMeanMaximumAndLast) {
  Block raw;
  auto& column = raw.columns.emplace_back();
  column.id = 8;
  std::vector<Number> values{n(5), n(1), n(9), d(nan), n(3), d(2.5)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    raw.moments.push_back({static_cast<std::int64_t>(i) * 60'000, 0});
    column.push(values[i]);
  }
  RollUp rolled(raw, 300'000);
  RollUp back(rolled.block());
  for (auto* one : {&rolled, &back}) {
    auto& line = one->lines().at(1);
    ASSERT_EQ(line.size(), 2u);
    EXPECT_EQ(line[0].second, (Summary{4, n(1), n(9), n(3), 4.5}));
    EXPECT_EQ(line[1].second, (Summary{1, d(2.5), d(2.5), d(2.5), 2.5}));
  }
}

TEST(RollUp, InTwoHalvesIsTheSameAsAtOnce) {
  Block all, first, second;
  for (auto* block : {&all, &first, &second}) block->columns.emplace_back().id = 8;
  for (int i = 0; i < 10; ++i)
    for (auto* block : {&all, i < 4 ? &first : &second}) {
      block->moments.push_back({i * 60'000, 0});
      block->columns[0].push(n(i * i));
    }
  RollUp halves(first, 900'000);
  halves.add(RollUp(second, 900'000));
  EXPECT_EQ(halves.lines(), RollUp(all, 900'000).lines());
  EXPECT_EQ(join(first, second).columns[0].bits, all.columns[0].bits);
}

}  // namespace
}  // namespace muster::store
