#include "base/while_used.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(WhileUsed, EveryoneHasTheSameAndWhatNobodyHasGoes) {
  WhileUsed<int, int> values;
  auto kept = values.get(-1, 7);
  for (int key = 0; key < 10'000; ++key) EXPECT_EQ(*values.get(key, key), key);
  EXPECT_LE(values.size(), 64u);
  EXPECT_EQ(values.get(-1, 8), kept);
  kept.reset();
  EXPECT_EQ(*values.get(-1, 8), 8);
}

}  // namespace
}  // namespace muster
