#include "doors/rest/tickets.h"

#include <gtest/gtest.h>

namespace muster::doors::rest {
namespace {

TEST(Tickets, OfARemovedTokenOpenNothing) {
  SystemClock clock;
  Tickets tickets(clock);
  auto gone = tickets.make({"token:ci", ops::Role::viewer, {}, {}});
  auto kept = tickets.make({"token:admin", ops::Role::admin, {}, {}});
  tickets.drop("token:ci");
  EXPECT_FALSE(tickets.find(gone->ticket));
  EXPECT_TRUE(tickets.find(kept->ticket));
}

TEST(Tickets, OfOneCallerLeaveRoomForOthers) {
  SystemClock clock;
  Tickets tickets(clock);
  ops::Caller viewer{"token:viewer", ops::Role::viewer, {}, {}},
      other{"token:other", ops::Role::viewer, {}, {}};
  for (std::size_t i = 0; i < Tickets::per_caller; ++i) ASSERT_TRUE(tickets.make(viewer));
  EXPECT_EQ(tickets.make(viewer).error().errc(), Errc::quota);
  EXPECT_TRUE(tickets.make(other));
}

TEST(Tickets, AreUsedUpByWhatTheyOpenAndByNothingElse) {
  SystemClock clock;
  Tickets tickets(clock);
  auto ticket = tickets.make({"token:ci", ops::Role::viewer, {}, {}});
  EXPECT_TRUE(tickets.find(ticket->ticket));
  EXPECT_TRUE(tickets.find(ticket->ticket)) << "what asked for it failed";
  tickets.use(ticket->ticket);
  EXPECT_FALSE(tickets.find(ticket->ticket));
}

}  // namespace
}  // namespace muster::doors::rest
