#include <gtest/gtest.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace muster {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, GrowsToItsCeilingAndStartsOver) {
  Backoff backoff(2s, 30s, 2.0, 0.0);
  EXPECT_EQ(backoff.next(0), 2s);
  EXPECT_EQ(backoff.next(0), 4s);
  EXPECT_EQ(backoff.next(0), 8s);
  EXPECT_EQ(backoff.next(0), 16s);
  EXPECT_EQ(backoff.next(0), 30s);
  EXPECT_EQ(backoff.next(0), 30s);
  backoff.reset();
  EXPECT_EQ(backoff.next(0), 2s);
}

TEST(Backoff, VariesByItsJitterOnly) {
  Backoff low(1000ms, 30s, 2.0, 0.2), high(1000ms, 30s, 2.0, 0.2);
  EXPECT_EQ(low.next(0), 800ms);
  EXPECT_EQ(high.next(0xffffffff), 1200ms);
}

TEST(Timestamp, PrintsAsRfc3339) {
  EXPECT_EQ(to_rfc3339(Timestamp(1'700'000'000'042ms)), "2023-11-14T22:13:20.042Z");
}

TEST(Error, GrowsFromTheInsideOut) {
  auto error = Error(Errc::conflict, "HTTP 409").context("destroy web-3");
  EXPECT_EQ(error.text(), "destroy web-3: HTTP 409");
  EXPECT_EQ(error.errc(), Errc::conflict);
}

TEST(Error, MapsTheSystemsWords) {
  EXPECT_EQ(
      Error(boost::system::errc::make_error_code(boost::system::errc::connection_refused), "dial")
          .errc(),
      Errc::unavailable);
  EXPECT_EQ(
      Error(boost::system::errc::make_error_code(boost::system::errc::timed_out), "dial").errc(),
      Errc::timeout);
}

TEST(Uuid, HasItsShapeAndDiffers) {
  auto a = random_uuid(), b = random_uuid();
  EXPECT_TRUE(is_uuid(a));
  EXPECT_EQ(a[14], '4');
  EXPECT_NE(a, b);
  EXPECT_FALSE(is_uuid("98cc7af6-20ce-4a85-8849-63d02ee1959"));
  EXPECT_FALSE(is_uuid("98cc7af6x20ce-4a85-8849-63d02ee1959a"));
}

TEST(Secret, ComparesByContents) {
  EXPECT_TRUE(Secret("riak") == Secret("riak"));
  EXPECT_FALSE(Secret("riak") == Secret("riaK"));
  EXPECT_FALSE(Secret("riak") == Secret("riak1"));
}

}  // namespace
}  // namespace muster
