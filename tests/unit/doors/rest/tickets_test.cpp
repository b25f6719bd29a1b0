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
  EXPECT_FALSE(tickets.redeem(gone->ticket));
  EXPECT_TRUE(tickets.redeem(kept->ticket));
}

}  // namespace
}  // namespace muster::doors::rest
