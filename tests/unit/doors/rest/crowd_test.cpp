#include "doors/rest/crowd.h"

#include <gtest/gtest.h>

#include <deque>

namespace muster::doors::rest {
namespace {

struct Guest final : Crowd::Member {
  State is = State::idle;
  bool is_closed = false;
  State state() const override { return is; }
  void close() override { is_closed = true; }
};
using State = Crowd::Member::State;

class CrowdTest : public testing::Test {
 protected:
  Guest& come(const std::string& address) {
    EXPECT_TRUE(crowd_.make_room_for(address));
    auto& guest = guests_.emplace_back();
    crowd_.enter(guest, address);
    return guest;
  }
  Guest& come_with_token(const std::string& token) {
    auto& guest = come("10.0.0.1");
    EXPECT_TRUE(crowd_.move_to(guest, token));
    return guest;
  }
  Crowd crowd_{{.all = 10, .per_token = 4, .per_address = 6}};
  std::deque<Guest> guests_;
};

TEST_F(CrowdTest, OneTokenHasNoMoreThanItsShareAndTheOldestIdleOneGoes) {
  auto& busy = come_with_token("token:viewer");
  busy.is = State::busy;
  auto& socket = come_with_token("token:viewer");
  socket.is = State::listening;
  auto& idle = come_with_token("token:viewer");
  come_with_token("token:viewer");
  come_with_token("token:viewer");
  EXPECT_TRUE(idle.is_closed) << "a WebSocket is used, an idle connection is not";
  EXPECT_FALSE(busy.is_closed || socket.is_closed);
  EXPECT_EQ(crowd_.size(), 4u);
  for (auto& guest : guests_) guest.is = State::busy;
  auto& fifth = come("10.0.0.1");
  EXPECT_FALSE(crowd_.move_to(fifth, "token:viewer"));
}

TEST_F(CrowdTest, OneTokenKeepsNobodyOut) {
  for (int i = 0; i < 100; ++i) come_with_token("token:viewer");
  EXPECT_EQ(crowd_.size(), 4u);
  EXPECT_FALSE(come_with_token("token:admin").is_closed);
}

TEST_F(CrowdTest, WhenItIsFullTheGreediestPays) {
  auto& honest = come("10.0.0.9");
  for (int i = 0; i < 4; ++i) come_with_token("token:a");
  for (int i = 0; i < 5; ++i) come("10.0.0.66").is = State::busy;
  EXPECT_EQ(crowd_.size(), 10u);
  auto& newcomer = come("10.0.0.10");
  EXPECT_EQ(crowd_.size(), 10u);
  EXPECT_TRUE(guests_[5].is_closed) << "strangers may be sent away while they are busy";
  EXPECT_FALSE(honest.is_closed || newcomer.is_closed);
}

TEST_F(CrowdTest, StrangersOfOneAddressHaveAShareToo) {
  for (int i = 0; i < 100; ++i) come("10.0.0.66");
  EXPECT_EQ(crowd_.size(), 6u);
}

TEST_F(CrowdTest, WhoLeavesMakesRoom) {
  for (int i = 0; i < 10; ++i) come("10.0.0." + std::to_string(i));
  crowd_.leave(guests_[3]);
  crowd_.leave(guests_[3]);
  EXPECT_EQ(crowd_.size(), 9u);
  come("10.0.0.99");
  for (std::size_t i = 0; i < 10; ++i) EXPECT_FALSE(guests_[i].is_closed);
}

TEST_F(CrowdTest, WhoWasSentAwayBelongsToNobody) {
  auto& gone = come("10.0.0.66");
  for (int i = 0; i < 6; ++i) come("10.0.0.66");
  EXPECT_TRUE(gone.is_closed);
  EXPECT_FALSE(crowd_.move_to(gone, "token:x"));
}

}  // namespace
}  // namespace muster::doors::rest
