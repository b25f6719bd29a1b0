#include "services/metrics/questions.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>

#include "base/timeout.h"

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;

/// Nodes that answer when the test says so.
class QuestionsTest : public testing::Test {
 protected:
  bool begin(const std::string& node) {
    bool has_begun = questions_.begin(group_, node, [&] { return ask(node); });
    turn();
    return has_begun;
  }
  /// What the node is asked ends.
  void end(const std::string& node, bool is_mute) {
    answers_[node] = is_mute;
    waiting_.at(node)->cancel();
    turn();
  }
  bool is_asked(const std::string& node) const { return waiting_.contains(node); }
  void turn() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  Questions questions_{{1h, 2, 1}};
  TaskGroup group_{io_.get_executor()};

 private:
  asio::awaitable<bool> ask(std::string node) {
    asio::steady_timer timer(io_, asio::steady_timer::time_point::max());
    waiting_[node] = &timer;
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    waiting_.erase(node);
    co_return answers_[node];
  }
  std::map<std::string, asio::steady_timer*> waiting_;
  std::map<std::string, bool> answers_;
};

// One was begun with at each interval while the last one waited: they piled up without end.
TEST_F(QuestionsTest, ANodeThatSaysNothingHasOneQuestionHoweverOftenItIsDue) {
  EXPECT_TRUE(begin("mute@h"));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(begin("mute@h"));
  EXPECT_EQ(group_.size(), 1u);
  EXPECT_TRUE(begin("honest@h"));
  EXPECT_TRUE(is_asked("honest@h"));
  end("mute@h", true);
  EXPECT_TRUE(begin("mute@h"));
  EXPECT_EQ(group_.size(), 2u);
  group_.cancel();
  turn();
  EXPECT_EQ(group_.size(), 0u);
  EXPECT_TRUE(begin("honest@h")) << "a cancelled one is none";
}

TEST_F(QuestionsTest, NodesThatWereMuteTheLastTimeTakeNoPlacesOfOthers) {
  std::vector<std::string> mute{"m1@h", "m2@h", "m3@h", "m4@h"};
  for (auto& node : mute) {
    begin(node);
    end(node, true);
  }
  for (auto& node : mute) begin(node);
  EXPECT_TRUE(is_asked("m1@h"));
  EXPECT_FALSE(is_asked("m2@h")) << "these wait for each other";
  begin("a@h");
  begin("b@h");
  EXPECT_TRUE(is_asked("a@h") && is_asked("b@h"));
  end("m1@h", false);
  EXPECT_TRUE(is_asked("m2@h"));
  end("a@h", false);
  begin("m1@h");
  EXPECT_TRUE(is_asked("m1@h")) << "it has answered, and is as others";
}

TEST_F(QuestionsTest, NothingIsRememberedOfNodesThatAreGone) {
  for (auto* node : {"a@h", "b@h"}) {
    begin(node);
    end(node, true);
  }
  EXPECT_EQ(questions_.mute(), 2u);
  questions_.keep_only([](auto& node) { return node == "b@h"; });
  EXPECT_EQ(questions_.mute(), 1u);
}

}  // namespace
}  // namespace muster::metrics
