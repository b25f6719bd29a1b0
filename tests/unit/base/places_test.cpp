#include "base/places.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/task_group.h"
#include "base/timeout.h"

namespace muster {
namespace {

using namespace std::chrono_literals;
/// Begins with strangers that say nothing.
class PlacesTest : public testing::Test {
 protected:
  void begin(Places& places, bool was_mute) {
    group_.spawn("begin", attempt(places, was_mute, begun_));
    io_.restart();
    io_.poll();
  }
  static asio::awaitable<void> attempt(Places& places, bool was_mute, int& begun) {
    auto place = co_await places.take(was_mute);
    ++begun;
    co_await pause(1h);
  }
  asio::io_context io_;
  TaskGroup group_{io_.get_executor()};
  int begun_ = 0;
};

TEST_F(PlacesTest, MuteOnesWaitForEachOtherOnly) {
  Places places({1h, 2, 1});
  for (int i = 0; i < 3; ++i) begin(places, true);
  EXPECT_EQ(begun_, 1);
  for (int i = 0; i < 3; ++i) begin(places, false);
  EXPECT_EQ(begun_, 3);
  group_.cancel();
  io_.restart();
  io_.poll();
  EXPECT_EQ(group_.size(), 0u);
}

TEST_F(PlacesTest, APlaceIsGivenBackAfterAMoment) {
  Places places({1ms, 2, 1});
  for (int i = 0; i < 20; ++i) begin(places, false);
  io_.restart();
  while (begun_ < 20 && io_.run_one_for(10s) > 0) continue;
  EXPECT_EQ(begun_, 20) << "while all attempts go on";
  EXPECT_EQ(group_.size(), 20u);
}

TEST_F(PlacesTest, APlaceIsGivenBackAtTheEndOfItsAttempt) {
  Places places({1h, 1, 1});
  TaskGroup first(io_.get_executor());
  first.spawn("begin", attempt(places, false, begun_));
  begin(places, false);
  EXPECT_EQ(begun_, 1);
  first.cancel();
  io_.restart();
  io_.poll();
  EXPECT_EQ(begun_, 2);
  EXPECT_EQ(first.size(), 0u);
}

}  // namespace
}  // namespace muster
