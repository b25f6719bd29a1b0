#include "base/budget.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace muster {
namespace {

constexpr std::uint64_t kib = 1024, mib = 1024 * kib;

/// A holder that remembers that it was told to go.
struct Guest {
  bool is_evicted = false;
  Budget::Holder holder;
  Guest(Budget& budget, std::string who)
      : holder(&budget, std::move(who), [this] { is_evicted = true; }) {}
};

TEST(Budget, CountsWhatIsHeldUntilItIsGivenBack) {
  Budget budget(10 * mib);
  {
    Guest guest(budget, "token:ci");
    Budget::Claim claim(guest.holder);
    EXPECT_TRUE(claim.add(3 * mib));
    EXPECT_TRUE(claim.set(2 * mib));
    EXPECT_EQ(budget.held(), 2 * mib);
    auto moved = std::move(claim);
    EXPECT_EQ(moved.bytes(), 2 * mib);
    EXPECT_EQ(budget.held(), 2 * mib);
  }
  EXPECT_EQ(budget.held(), 0u);
  EXPECT_EQ(budget.accounts(), 0u);
}

TEST(Budget, RefusesTheGreediestItself) {
  Budget budget(10 * mib);
  Guest greedy(budget, "greedy"), other(budget, "other");
  EXPECT_TRUE(other.holder.take(2 * mib));
  EXPECT_TRUE(greedy.holder.take(8 * mib));
  EXPECT_FALSE(greedy.holder.take(1 * mib));
  EXPECT_FALSE(greedy.is_evicted || other.is_evicted);
  EXPECT_EQ(budget.refused(), 1u);
  EXPECT_EQ(budget.held(), 10 * mib);
}

TEST(Budget, MakesTheGreediestGoForWhoHoldsLess) {
  Budget budget(10 * mib);
  std::deque<Guest> crowd;
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(
        crowd.emplace_back(budget, "viewer").holder.take(i == 4 ? 1 * mib + 1 : 1 * mib - 1));
  Guest honest(budget, "honest");
  EXPECT_TRUE(honest.holder.take(1 * mib));
  EXPECT_TRUE(crowd[4].is_evicted) << "the greediest holder of the greediest account";
  EXPECT_EQ(budget.evicted(), 1u);
  EXPECT_FALSE(crowd[4].holder.take(1)) << "it leaves";
}

// Many connections of one caller are one caller: it is not each of them that is compared.
TEST(Budget, AddsUpWhatOneCallerHoldsOnManyConnections) {
  Budget budget(10 * mib);
  std::deque<Guest> crowd;
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(crowd.emplace_back(budget, "viewer").holder.take(mib / 2));
  Guest honest(budget, "honest");
  EXPECT_TRUE(honest.holder.take(1 * mib)) << "more than any of theirs";
  EXPECT_FALSE(honest.is_evicted);
  EXPECT_FALSE(crowd.emplace_back(budget, "viewer").holder.take(mib));
}

TEST(Budget, AdmitsSmallHoldersWhenItIsSpent) {
  Budget budget(10 * mib);
  Guest greedy(budget, "greedy");
  EXPECT_TRUE(greedy.holder.take(10 * mib));
  Guest small(budget, "small");
  EXPECT_TRUE(small.holder.take(Budget::small));
  EXPECT_FALSE(greedy.is_evicted);
  std::deque<Guest> crowd;
  for (int i = 0; i < 1000; ++i)
    crowd.emplace_back(budget, "small" + std::to_string(i)).holder.take(Budget::small);
  EXPECT_LE(budget.held(), 10 * mib + 10 * mib / 8) << "but not without end";
}

TEST(Budget, LetsWhoHoldsNextToNothingStay) {
  Budget budget(1 * mib);
  std::deque<Guest> idle;
  for (int i = 0; i < 64; ++i)
    EXPECT_TRUE(idle.emplace_back(budget, "idle" + std::to_string(i)).holder.take(Budget::tiny));
  Guest honest(budget, "honest");
  EXPECT_TRUE(honest.holder.take(kib));
  for (auto& each : idle) EXPECT_FALSE(each.is_evicted);
  Guest other(budget, "other");
  EXPECT_FALSE(other.holder.take(mib));
  idle.front().holder.take(1);
  Guest next(budget, "next");
  EXPECT_TRUE(next.holder.take(Budget::tiny));
  idle.front().holder.give_back(2);
  idle.pop_front();  // an account goes, ordered or not
  EXPECT_TRUE(next.holder.take(1));
}

// As commands do with the answers that they hold.
TEST(Budget, WhoIsToldToGoMayGiveBackAtOnce) {
  Budget budget(4 * mib);
  Budget::Holder quick(&budget, "quick", [&] { quick.give_back(quick.held()); });
  EXPECT_TRUE(quick.take(4 * mib));
  Guest honest(budget, "honest");
  EXPECT_TRUE(honest.holder.take(mib));
  EXPECT_EQ(budget.held(), mib);
  EXPECT_EQ(budget.accounts(), 1u);
  EXPECT_FALSE(quick.take(1)) << "it is leaving";
  EXPECT_EQ(budget.accounts(), 1u);
}

// Who was told to go still has its memory for a while: newcomers do not get it twice.
TEST(Budget, DoesNotGrantWhatHasNotLeftYetWithoutEnd) {
  Budget budget(16 * mib);
  std::deque<Guest> crowd;
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(crowd.emplace_back(budget, "greedy").holder.take(mib));
  std::deque<Guest> newcomers;
  for (int i = 0; i < 100; ++i)
    newcomers.emplace_back(budget, "n" + std::to_string(i)).holder.take(mib);
  EXPECT_LE(budget.held(), 16 * mib + 16 * mib / 8);
  EXPECT_GT(budget.refused(), 0u);
  for (auto& each : crowd)
    if (each.is_evicted) each.holder.give_back(each.holder.held());
  Guest late(budget, "late");
  EXPECT_TRUE(late.holder.take(mib));
}

TEST(Budget, CountsAConnectionWhereItBelongsOnceItHasShownWhoItIs) {
  Budget budget(10 * mib);
  Guest guest(budget, "10.0.0.7"), stranger(budget, "10.0.0.7");
  EXPECT_TRUE(guest.holder.take(4 * mib));
  guest.holder.move_to("token:ci");
  EXPECT_EQ(budget.accounts(), 1u) << "the stranger holds nothing";
  EXPECT_TRUE(stranger.holder.take(5 * mib));
  EXPECT_EQ(budget.accounts(), 2u);
  Guest other(budget, "other");
  EXPECT_TRUE(other.holder.take(2 * mib));
  EXPECT_TRUE(stranger.is_evicted);
  EXPECT_FALSE(guest.is_evicted);
}

TEST(Budget, LeavesAHolderRoomForTheRestWhereItMayHaveAPartOnly) {
  Budget budget(1'000'000);
  Budget::Holder link(&budget, "node:a@h", [] {});
  Budget::Claim calls(link), buffers(link);
  EXPECT_TRUE(calls.set(500'000, 2));
  EXPECT_FALSE(calls.set(500'001, 2));
  EXPECT_EQ(budget.refused(), 1u);
  EXPECT_TRUE(buffers.set(400'000));
}

TEST(Budget, SaysWhoLost) {
  Budget budget(1 * mib);
  std::vector<std::string> said;
  budget.on_loss([&](const Budget::Loss& loss) {
    said.push_back(std::string(loss.who) + (loss.wanted > 0 ? " refused" : " evicted"));
  });
  Guest greedy(budget, "greedy"), other(budget, "other");
  EXPECT_TRUE(greedy.holder.take(1 * mib));
  EXPECT_FALSE(greedy.holder.take(1));
  EXPECT_TRUE(other.holder.take(mib / 8));
  EXPECT_EQ(said, (std::vector<std::string>{"greedy refused", "greedy evicted"}));
}

TEST(Budget, WithoutOneEverythingIsGranted) {
  Budget::Holder holder(nullptr, "x", [] {});
  EXPECT_TRUE(holder.take(1ull << 50));
  holder.move_to("y");
  Budget::Claim nobodys;
  EXPECT_TRUE(nobodys.add(1ull << 50));
}

}  // namespace
}  // namespace muster
