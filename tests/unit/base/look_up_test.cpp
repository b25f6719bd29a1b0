#include "base/look_up.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <memory>
#include <string>
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

/// A name service that does not answer before it is told to.
struct SlowNames {
  std::promise<void> answer, asked;
  std::shared_future<void> answered{answer.get_future()};
  std::atomic<int> questions = 0;

  static SystemLookUp::Ask ask(std::shared_ptr<SlowNames> names) {
    return [names](const std::string& host) -> Result<SystemLookUp::Addresses> {
      if (host == "good") return SystemLookUp::Addresses{};
      if (++names->questions == 1) names->asked.set_value();
      names->answered.wait();
      return Error(Errc::timeout, "no answer");
    };
  }
};

/// A daemon whose name service did not answer ended a minute after it was told.
TEST(SystemLookUp, ItsEndWaitsForNoQuestionUnderWay) {
  auto names = std::make_shared<SlowNames>();
  auto kept = std::make_shared<int>(0);
  {
    asio::io_context io;
    SystemLookUp system(io.get_executor(), SlowNames::ask(names));
    for (int i = 0; i < 100; ++i)
      system.begin("slow", false, [kept](Result<SystemLookUp::Addresses>) { ++*kept; });
    names->asked.get_future().wait();
  }
  EXPECT_EQ(kept.use_count(), 1) << "what was given ended with it";
  EXPECT_LE(names->questions, 16);
  names->answer.set_value();
}

TEST(SystemLookUp, KnownHostsDoNotWaitForOthers) {
  auto names = std::make_shared<SlowNames>();
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  SystemLookUp system(io.get_executor(), SlowNames::ask(names));
  for (int i = 0; i < 100; ++i) system.begin("slow", false, [](auto&&) {});
  bool is_answered = false;
  system.begin("good", true, [&](Result<SystemLookUp::Addresses> found) {
    is_answered = found.has_value();
    work.reset();
  });
  io.run();
  EXPECT_TRUE(is_answered);
  names->answer.set_value();
}

}  // namespace
}  // namespace muster
