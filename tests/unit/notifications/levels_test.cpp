#include "services/notifications/levels.h"

#include <gtest/gtest.h>

#include <chrono>

namespace muster::notifications {
namespace {

using Held = std::map<std::string, Level>;

TEST(Levels, AreErrorWhereNothingWasSet) {
  EXPECT_EQ(Levels().of("a@h", "shop"), (Held{{"", Level::error}}));
}

TEST(Levels, TheNearestHolds) {
  Levels levels;
  levels.set({"", "", ""}, Level::warning);
  levels.set({"", "", "sasl"}, Level::none);
  levels.set({"", "shop", "logger"}, Level::info);
  levels.set({"a@h", "", ""}, Level::debug);
  EXPECT_EQ(levels.of("x@h", ""), (Held{{"", Level::warning}, {"sasl", Level::none}}));
  EXPECT_EQ(levels.of("b@h", "shop"),
            (Held{{"", Level::warning}, {"sasl", Level::none}, {"logger", Level::info}}));
  EXPECT_EQ(levels.of("a@h", "shop"), (Held{{"", Level::debug}}));
  levels.clear({"a@h", "", ""});
  EXPECT_EQ(levels.of("a@h", ""), levels.of("x@h", ""));
}

TEST(Levels, OfOtherNodesAndFamiliesDoNotHold) {
  Levels levels;
  for (auto* other : {"a", "a@g", "a@h1", "z@h"}) {
    levels.set({other, "", ""}, Level::none);
    levels.set({other, "", "sasl"}, Level::none);
    levels.set({"", other, ""}, Level::none);
    levels.set({"", other, "sasl"}, Level::none);
  }
  levels.set({"", "shop", "sasl"}, Level::info);
  EXPECT_EQ(levels.of("a@h", "shop"), (Held{{"", Level::error}, {"sasl", Level::info}}));
}

// All were looked at for each of 10,000 nodes: ten seconds.
TEST(Levels, OfOneNodeAreFoundAmongManyAtOnce) {
  Levels levels;
  for (int i = 0; i < 10'000; ++i)
    levels.set({"n" + std::to_string(i) + "@h", "", ""}, Level::info);
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i)
    EXPECT_EQ(levels.of("n" + std::to_string(i) + "@h", "shop").at(""), Level::info);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

}  // namespace
}  // namespace muster::notifications
