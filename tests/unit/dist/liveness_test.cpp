#include "dist/liveness.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

using Action = Liveness::Action;
using std::chrono::seconds;

const Liveness::Clock::time_point start{seconds(1'000'000)};

TEST(Liveness, TicksWhenNothingWasSent) {
  Liveness life(start);
  EXPECT_EQ(life.check(start + seconds(14), {}), Action::none);
  EXPECT_EQ(life.check(start + seconds(15), {}), Action::tick);
  life.sent(start + seconds(15));
  EXPECT_EQ(life.check(start + seconds(16), {}), Action::none);
}

TEST(Liveness, AsksAPeerThatIsSilentAndDropsItWhenItStaysSo) {
  Liveness life(start);
  auto at = [&](int second) {
    life.sent(start + seconds(second));
    return life.check(start + seconds(second), {});
  };
  EXPECT_EQ(at(29), Action::none);
  EXPECT_EQ(at(30), Action::probe);
  EXPECT_EQ(at(35), Action::none) << "it has time to answer";
  EXPECT_EQ(at(40), Action::probe);
  EXPECT_EQ(at(50), Action::probe);
  EXPECT_EQ(at(59), Action::none);
  EXPECT_EQ(at(60), Action::down);
}

TEST(Liveness, KeepsAPeerWithALongTickTimeThatAnswers) {
  Liveness life(start);  // net_ticktime 600: it says nothing by itself for 150 s
  auto now = start;
  for (int probes = 0; probes < 20; ++probes) {
    now += seconds(30);
    life.sent(now);
    ASSERT_EQ(life.check(now, {}), Action::probe);
    life.received(now);
  }
}

TEST(Liveness, AnswersTicksWithoutPlayingPingPong) {
  Liveness life(start);
  EXPECT_TRUE(life.answers_tick(start + seconds(15)));
  life.sent(start + seconds(15));
  EXPECT_FALSE(life.answers_tick(start + seconds(15))) << "the peer's echo of our echo";
}

}  // namespace
}  // namespace muster::dist
