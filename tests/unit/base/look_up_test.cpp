#include "base/look_up.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace muster {
namespace {

/// What the system says about an address: it asks nobody.
TEST(SystemLookUp, AnswersOnItsExecutor) {
  for (bool is_known : {true, false}) {
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    SystemLookUp system(io.get_executor());
    std::optional<Result<SystemLookUp::Addresses>> got;
    std::thread::id answered;
    system.begin("127.0.0.1", is_known, [&](Result<SystemLookUp::Addresses> found) {
      got = std::move(found);
      answered = std::this_thread::get_id();
      work.reset();
    });
    EXPECT_FALSE(got);
    io.run();
    ASSERT_TRUE(got && *got);
    EXPECT_EQ(**got, SystemLookUp::Addresses{asio::ip::make_address("127.0.0.1")});
    EXPECT_TRUE(answered == std::this_thread::get_id());
  }
}

TEST(SystemLookUp, EndsBeforeItsAnswersAreHeard) {
  asio::io_context io;
  auto kept = std::make_shared<int>(0);
  {
    SystemLookUp system(io.get_executor());
    for (int i = 0; i < 100; ++i)
      system.begin("127.0.0.1", false, [kept](Result<SystemLookUp::Addresses>) { ++*kept; });
  }
  io.run();
  EXPECT_LE(*kept, 100);
  EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace muster
