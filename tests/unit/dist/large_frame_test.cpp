#include "dist/large_frame.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::dist {
namespace {

constexpr std::size_t size = 40u << 20;

// What had come of a slow frame of 40 MB was copied whenever its buffer grew, at last 32 MB in one
// turn of the loop.
TEST(LargeFrame, NothingThatHasComeIsCopiedWhenMoreComes) {
  auto frame = *LargeFrame::expect(size);
  const auto* where = frame->bytes().data();
  const std::string piece(300'000, 'x');
  std::size_t most_at_once = 0;
  while (!frame->is_whole()) {
    const auto before = frame->held();
    std::string_view bytes = piece;
    ASSERT_TRUE(frame->take(bytes));
    EXPECT_EQ(frame->bytes().data(), where);
    most_at_once = std::max(most_at_once, frame->held() - before);
  }
  EXPECT_EQ(most_at_once, piece.size()) << "it holds what has come";
  EXPECT_EQ(frame->bytes(), std::string(size, 'x'));
}

TEST(LargeFrame, HoldsNothingBeforeAnythingCame) {
  auto frame = *LargeFrame::expect(size);
  EXPECT_EQ(frame->held(), 0u);
  EXPECT_FALSE(frame->is_whole());
  std::string_view nothing;
  EXPECT_TRUE(frame->take(nothing));
  EXPECT_EQ(frame->held(), 0u);
}

TEST(LargeFrame, LeavesTheNextFrameToOthers) {
  auto frame = *LargeFrame::expect(LargeFrame::least + 1);
  const std::string all = std::string(LargeFrame::least + 1, 'x') + "next";
  std::string_view bytes = all;
  ASSERT_TRUE(frame->take(bytes));
  EXPECT_TRUE(frame->is_whole());
  EXPECT_EQ(bytes, "next");
}

TEST(LargeFrame, GivesItsMemoryBackInSteps) {
  auto frame = *LargeFrame::expect(size);
  const std::string all(size, 'x');
  std::string_view bytes = all;
  ASSERT_TRUE(frame->take(bytes));
  constexpr std::size_t step = 16u << 20;
  EXPECT_TRUE(frame->give_back(step));
  EXPECT_EQ(frame->held(), size - step);
  EXPECT_TRUE(frame->give_back(step));
  EXPECT_FALSE(frame->give_back(step));
  EXPECT_EQ(frame->held(), 0u);
}

TEST(LargeFrame, IsRefusedWhereNoMemoryIs) {
  EXPECT_FALSE(LargeFrame::expect(std::size_t{1} << 62));
}

}  // namespace
}  // namespace muster::dist
