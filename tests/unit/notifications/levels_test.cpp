#include "services/notifications/levels.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace muster::notifications
