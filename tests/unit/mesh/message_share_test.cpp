#include "mesh/message_share.h"

#include <gtest/gtest.h>

namespace muster::mesh {
namespace {

using namespace std::chrono_literals;

TEST(MessageShare, AFloodIsCutToItsShare) {
  MessageShare::Clock::time_point now{1h};
  MessageShare share(now);
  std::size_t admitted = 0;
  for (int i = 0; i < 100; ++i, now += 100ms)
    for (int k = 0; k < 10; ++k)
      if (share.admits(1 << 20, now)) ++admitted;
  EXPECT_GE(admitted, 8U + 9U);
  EXPECT_LE(admitted, 8U + 10U);
}

TEST(MessageShare, AnHonestNodeIsNeverCut) {
  MessageShare::Clock::time_point now{1h};
  MessageShare share(now);
  for (int i = 0; i < 1000; ++i, now += 1s) EXPECT_TRUE(share.admits(900'000, now));
  EXPECT_TRUE(share.admits(8 << 20, now + 10s)) << "much at once, now and then";
}

}  // namespace
}  // namespace muster::mesh
