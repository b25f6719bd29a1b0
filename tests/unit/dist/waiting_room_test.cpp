#include "dist/waiting_room.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>

namespace muster::dist {
namespace {

class WaitingRoomTest : public testing::Test {
 protected:
  using Socket = WaitingRoom::Socket;
  /// Who had to leave for it; null: nobody.
  Socket* come(const std::string& from) {
    auto* gone = room_.make_room();
    sockets_.emplace_back(io_);
    room_.enter(boost::asio::ip::make_address(from), &sockets_.back());
    return gone;
  }
  boost::asio::io_context io_;
  std::deque<Socket> sockets_;
  WaitingRoom room_{10};
};

// 7,500 connections a second of one stranger pushed out every node that took 200 ms between two
// steps.
TEST_F(WaitingRoomTest, AFloodPushesOutItselfAndNoSlowNodeElsewhere) {
  come("10.0.0.1");
  auto* honest = &sockets_.front();
  for (int i = 0; i < 1000; ++i) EXPECT_NE(come("10.0.0.66"), honest);
  EXPECT_EQ(room_.size(), 10u);
}

TEST_F(WaitingRoomTest, TheOldestOfTheGreediestGoes) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(come(i < 6 ? "10.0.0.66" : "10.0.0.1"), nullptr);
  EXPECT_EQ(come("10.0.0.2"), &sockets_[0]);
  EXPECT_EQ(come("10.0.0.2"), &sockets_[1]);
}

TEST_F(WaitingRoomTest, ANetworkOfIpV6IsOneAddress) {
  for (int i = 0; i < 9; ++i) come("2001:db8::" + std::to_string(i + 1));
  come("10.0.0.1");
  come("10.0.0.1");
  EXPECT_EQ(come("10.0.0.2"), &sockets_[1]);
}

TEST_F(WaitingRoomTest, WhoIsInMakesRoom) {
  for (int i = 0; i < 10; ++i) come("10.0.0.1");
  room_.leave(boost::asio::ip::make_address("10.0.0.1"), &sockets_[4]);
  room_.leave(boost::asio::ip::make_address("10.0.0.1"), &sockets_[4]);
  EXPECT_EQ(room_.size(), 9u);
  EXPECT_EQ(come("10.0.0.1"), nullptr);
}

}  // namespace
}  // namespace muster::dist
