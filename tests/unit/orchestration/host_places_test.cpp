#include "services/orchestration/host_places.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/task_group.h"

namespace muster::orchestration {
namespace {

/// A family of 10,000 nodes that do not answer kept those of another on the same host waiting for
/// hours.
TEST(HostPlaces, FamiliesHaveThoseOfAHostInTurn) {
  asio::io_context io;
  HostPlaces places({.new_per_host = 1, .old_per_host = 1});
  const HostKey host{"provider", "machine", "user"};
  std::string order;
  auto work = [&](std::string family) -> asio::awaitable<void> {
    auto place = co_await places.take(host, true, family);
    order += family;
    co_await asio::post(asio::use_awaitable);
  };
  TaskGroup group(io.get_executor());
  for (auto* family : {"a", "a", "a", "a", "b"}) group.spawn("work", work(family));
  io.run();
  EXPECT_EQ(order, "aabaa");
}

}  // namespace
}  // namespace muster::orchestration
