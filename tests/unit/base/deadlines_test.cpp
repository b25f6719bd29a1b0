#include "base/deadlines.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

const Deadlines::Time start{1000s};

TEST(Deadlines, GivesWhatIsDueOnceAndTheEarliestFirst) {
  Deadlines deadlines;
  deadlines.set("late", start + 3s);
  deadlines.set("early", start + 1s);
  deadlines.set("later", start + 9s);
  EXPECT_EQ(deadlines.take_due(start), Names{});
  EXPECT_EQ(deadlines.take_due(start + 5s), (Names{"early", "late"}));
  EXPECT_EQ(deadlines.take_due(start + 5s), Names{});
  EXPECT_EQ(deadlines.entries().size(), 3u);
}

TEST(Deadlines, AreDueAgainWhenSetAgain) {
  Deadlines deadlines;
  deadlines.set("a", start);
  EXPECT_EQ(deadlines.take_due(start), Names{"a"});
  deadlines.set("a", start + 1s);
  EXPECT_EQ(deadlines.take_due(start), Names{});
  EXPECT_EQ(deadlines.take_due(start + 1s), Names{"a"});
}

TEST(Deadlines, CanBePutOffAndBroughtForward) {
  Deadlines deadlines;
  deadlines.set("off", start + 1s);
  deadlines.set("off", start + 5s);
  deadlines.set("off", start + 6s);
  deadlines.set("forward", start + 5s);
  deadlines.set("forward", start + 2s);
  EXPECT_EQ(deadlines.take_due(start + 4s), Names{"forward"});
  EXPECT_EQ(deadlines.take_due(start + 5s), Names{});
  EXPECT_EQ(deadlines.take_due(start + 6s), Names{"off"});
}

TEST(Deadlines, ForgetWhatIsErased) {
  Deadlines deadlines;
  deadlines.set("a", start + 1s);
  deadlines.erase("a");
  EXPECT_FALSE(deadlines.contains("a"));
  EXPECT_EQ(deadlines.take_due(start + 2s), Names{});
  deadlines.set("a", start + 3s);
  EXPECT_EQ(deadlines.take_due(start + 3s), Names{"a"});
  EXPECT_EQ(deadlines.take_due(start + 4s), Names{});
}

}  // namespace
}  // namespace muster
