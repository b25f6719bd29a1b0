#include "services/topology/vitals.h"

#include <gtest/gtest.h>

namespace muster::topology {
namespace {

using etf::atom;

etf::Term sample(etf::Map values) {
  return etf::Map{{{atom("values"), std::move(values)}}};
}

TEST(Vitals, AreTheFewValuesShownBesideTheState) {
  Timestamp now{std::chrono::seconds(7)};
  auto vitals = vitals_of(sample({{{atom("process_count"), 42},
                                   {atom("process_limit"), 1024},
                                   {atom("wall_clock"), 5000},
                                   {atom("memory"), etf::Map{{{atom("total"), 1 << 20}}}},
                                   {atom("schedulers_online"), -1}}}),
                          now);
  ASSERT_TRUE(vitals);
  EXPECT_EQ(vitals->at, now);
  EXPECT_EQ(vitals->process_count, 42u);
  EXPECT_EQ(vitals->process_limit, 1024u);
  EXPECT_EQ(vitals->uptime_ms, 5000u);
  EXPECT_EQ(vitals->memory, 1u << 20);
  EXPECT_EQ(vitals->run_queue, 0u) << "not said";
  EXPECT_EQ(vitals->schedulers_online, 0u) << "below zero";
}

TEST(Vitals, AreNotInASampleThatBackedOffOrIsNone) {
  EXPECT_FALSE(vitals_of(sample({{{atom("memory"), etf::Map{}}}}), {}));
  EXPECT_FALSE(vitals_of(etf::Map{{{atom("values"), 7}}}, {}));
  EXPECT_FALSE(vitals_of(etf::Map{}, {}));
  EXPECT_FALSE(vitals_of(atom("nonsense"), {}));
}

}  // namespace
}  // namespace muster::topology
