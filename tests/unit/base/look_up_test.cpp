#include "base/look_up.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace muster {
namespace {

using namespace std::chrono_literals;

/// What the system says about an address: it asks nobody.
TEST(SystemLookUp, AnswersOnItsExecutor) {
  for (auto last : {HostIs::fresh, HostIs::known, HostIs::silent}) {
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    SystemLookUp system(io.get_executor());
    std::optional<Result<SystemLookUp::Addresses>> got;
    std::thread::id answered;
    system.begin("127.0.0.1", last, [&](Result<SystemLookUp::Addresses> found) {
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
      system.begin("127.0.0.1", HostIs::fresh,
                   [kept](Result<SystemLookUp::Addresses>) { ++*kept; });
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
      system.begin("slow", HostIs::fresh, [kept](Result<SystemLookUp::Addresses>) { ++*kept; });
    names->asked.get_future().wait();
  }
  EXPECT_EQ(kept.use_count(), 1) << "what was given ended with it";
  EXPECT_LE(names->questions, 64);
  names->answer.set_value();
}

/// So many are asked about a name that nobody answers for, and then about a good one.
bool answers(const std::map<HostIs, int>& slow, HostIs good) {
  auto names = std::make_shared<SlowNames>();
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  SystemLookUp system(io.get_executor(), SlowNames::ask(names));
  for (auto [last, count] : slow)
    for (int i = 0; i < count; ++i) system.begin("slow", last, [](auto&&) {});
  bool is_answered = false;
  system.begin("good", good, [&](Result<SystemLookUp::Addresses> found) {
    is_answered = found.has_value();
    work.reset();
  });
  io.run_for(10s);
  names->answer.set_value();
  return is_answered;
}

TEST(SystemLookUp, KnownHostsDoNotWaitForOthers) {
  EXPECT_TRUE(answers({{HostIs::fresh, 1000}, {HostIs::silent, 1000}}, HostIs::known));
}

// 1,000 names that nobody answers for held up each new host by 10 minutes, again and again.
TEST(SystemLookUp, FreshHostsDoNotWaitForThoseThatWereSilent) {
  EXPECT_TRUE(answers({{HostIs::silent, 1000}}, HostIs::fresh));
}

TEST(SystemLookUp, AFreshHostPassesDozensOfOthersThatNobodyAnswersFor) {
  EXPECT_TRUE(answers({{HostIs::fresh, 63}}, HostIs::fresh));
}

// It was looked up for ever, and nobody asked again.
TEST(SystemLookUp, WithoutAThreadAHostHasNoAnswerJustNow) {
  asio::io_context io;
  bool has_threads = false;
  auto spawn = [&](std::function<void()> work) {
    if (!has_threads) throw std::system_error(EAGAIN, std::system_category());
    std::thread(std::move(work)).detach();
  };
  auto ask = [](const std::string&) { return Result<SystemLookUp::Addresses>(); };
  SystemLookUp system(io.get_executor(), ask, spawn);
  std::vector<Result<SystemLookUp::Addresses>> answers;
  auto begin = [&] {
    auto done = [&, work = asio::make_work_guard(io)](Result<SystemLookUp::Addresses> found) {
      answers.push_back(std::move(found));
    };
    system.begin("far", HostIs::fresh, done);
  };
  for (int i = 0; i < 2; ++i) begin();
  EXPECT_TRUE(answers.empty()) << "it is told on the executor";
  io.run_for(10s);
  ASSERT_EQ(answers.size(), 2u);
  for (auto& answer : answers) EXPECT_EQ(answer.error().errc(), Errc::timeout);
  has_threads = true;
  begin();
  io.restart();
  io.run_for(10s);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_TRUE(answers[2]);
}

// Out of descriptors or memory, a host with known addresses was unknown.
TEST(SystemLookUp, OnlyThatThereIsNoSuchHostIsAnAnswer) {
  namespace error = asio::error;
  for (auto ec : {error::host_not_found, error::no_data})
    EXPECT_EQ(SystemLookUp::error_of("far", ec).errc(), Errc::not_found);
  for (boost::system::error_code ec :
       {error::make_error_code(error::host_not_found_try_again),
        error::make_error_code(error::no_recovery), error::make_error_code(error::no_memory),
        error::make_error_code(error::no_descriptors)})
    EXPECT_EQ(SystemLookUp::error_of("far", ec).errc(), Errc::timeout) << ec.message();
  EXPECT_EQ(SystemLookUp::error_of("far", error::no_descriptors).text(),
            "no answer about the host far: Too many open files");
}

}  // namespace
}  // namespace muster
