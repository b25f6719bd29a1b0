#include "app/losses.h"

#include <gtest/gtest.h>

namespace muster::app {
namespace {

using namespace std::chrono_literals;

TEST(Losses, AreAnAlarmWhenThereAreManyInAShortTime) {
  std::vector<std::string> told;
  Losses losses([&](const std::string& who, std::uint64_t) { told.push_back(who); });
  Losses::Time now{std::chrono::hours(1)};
  auto lose = [&](const char* who, int count) {
    for (int i = 0; i < count; ++i) losses.add({who, 100, 1}, now);
  };
  for (int i = 0; i < 20; ++i, now += 2s) lose("token:slow", 1);
  EXPECT_TRUE(told.empty()) << "five in ten seconds";
  lose("token:a", 3);
  lose("token:b", 4);
  lose("token:a", 100);
  EXPECT_EQ(told, std::vector<std::string>{"token:a"}) << "once, not a hundred times";
  now += 10s;
  lose("token:b", 100);
  EXPECT_EQ(told, (std::vector<std::string>{"token:a", "token:b"}));
}

// The alarm would say that memory is spent while half of it is free.
TEST(Losses, WhoWantsMoreThanOneMayHoldIsNoAlarm) {
  int told = 0;
  Losses losses([&](auto&, auto) { ++told; });
  for (int i = 0; i < 100; ++i) losses.add({"a@h", 100, 1, true}, Losses::Time(1h));
  EXPECT_EQ(told, 0);
  Budget budget(1000);
  bool is_of_share = false;
  budget.on_loss([&](const Budget::Loss& loss) { is_of_share = loss.is_of_share; });
  Budget::Holder holder(&budget, "a@h", [] {});
  EXPECT_FALSE(holder.take(501, 2));
  EXPECT_TRUE(is_of_share);
}

}  // namespace
}  // namespace muster::app
