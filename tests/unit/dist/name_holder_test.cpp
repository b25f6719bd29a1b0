#include "dist/name_holder.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

constexpr auto table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 0100007F:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1\n"
    "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2\n"
    "   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3\n"
    "   3: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 4\n"
    "   4: 0100007F:2328 0100007F:0016 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "5\n";

TEST(NameHolder, IsTakenSeriouslyWhereThisUserOrRootListens) {
  EXPECT_TRUE(is_listened_by(table, 0x1a0b, 1000));
  EXPECT_FALSE(is_listened_by(table, 0x1a0b, 1001));
  EXPECT_TRUE(is_listened_by(table, 22, 1000));
}

// Any user of the machine could keep the daemon from starting by taking its name at epmd.
TEST(NameHolder, AnotherUserOrNobodyThereIsNoReasonNotToStart) {
  EXPECT_FALSE(is_listened_by(table, 0x1f90, 1000)) << "somebody else listens there as well";
  EXPECT_FALSE(is_listened_by(table, 9000, 1000)) << "a connection, not a listener";
  EXPECT_FALSE(is_listened_by(table, 1, 1000));
  EXPECT_FALSE(is_listened_by("", 22, 0));
}

}  // namespace
}  // namespace muster::dist
