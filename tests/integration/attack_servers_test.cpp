// Servers that do not keep to their protocol: whom the daemon and the command line ask may say what
// it likes for as long as it likes. It costs no memory, no CPU and a few lines of the log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "chatterer.h"
#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"

namespace muster::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

std::size_t lines_of(const std::string& log) {
  return static_cast<std::size_t>(std::count(log.begin(), log.end(), '\n'));
}

/// For ten seconds the daemon does little, leaves `server` again and again, and says next to
/// nothing of it.
void expect_that_it_costs_little(Daemon& daemon, const Chatterer& server) {
  const auto cpu_before = daemon.figure("muster_daemon_cpu_seconds_total");
  const auto ended_before = server.ended();
  const auto said = daemon.log().size();
  ASSERT_GT(cpu_before, 0);
  std::this_thread::sleep_for(10s);
  EXPECT_LT(daemon.figure("muster_daemon_cpu_seconds_total") - cpu_before, 3);
  EXPECT_LT(daemon.longest_turn("10s"), 0.2);
  EXPECT_GE(server.ended() - ended_before, 2u) << "it is left and tried again";
  EXPECT_LE(server.ended() - ended_before, 15u);
  const auto more = daemon.log().substr(said);
  EXPECT_LE(lines_of(more), 3u) << more.substr(0, 2000);
}

struct OddEpmd {
  const char* name;
  std::string words;
  Chatterer::Habit habit = Chatterer::Habit::without_end;
};

class AttackByEpmd : public testing::TestWithParam<OddEpmd> {};

// One that hangs up was asked again at once, 7,000 times a second with two lines of the log each.
TEST_P(AttackByEpmd, ThatSaysWhatItLikesCostsNothing) {
  Chatterer chatterer(GetParam().words, GetParam().habit);
  const Epmd epmd(chatterer.port());
  Daemon daemon(epmd);
  ManagedNodes(daemon).add("n@127.0.0.1");
  EXPECT_TRUE(eventually([&] { return chatterer.ended() > 0; }, 5s));
  expect_that_it_costs_little(daemon, chatterer);
  EXPECT_THAT(daemon.log(), HasSubstr("not registered with epmd"));
  EXPECT_THAT(daemon.log(), HasSubstr("n@127.0.0.1 is DOWN"));
  EXPECT_TRUE(daemon.stop());
}

INSTANTIATE_TEST_SUITE_P(
    Epmds, AttackByEpmd,
    testing::Values(OddEpmd{"TalksNonsense", "x"}, OddEpmd{"RegistersWhoeverComes", "\x79\0\0\1"s},
                    OddEpmd{"FindsEveryNameOnPort1", "\x77\0\0\1M\0\0\6\0\5"s},
                    OddEpmd{"RegistersAndHangsUp", "\x79\0\0\1"s, Chatterer::Habit::once}),
    [](const auto& test) { return test.param.name; });

class AttackByGraphite : public testing::TestWithParam<Chatterer::Habit> {};

TEST_P(AttackByGraphite, ThatTalksCostsNothing) {
  Chatterer chatterer("hello\n", GetParam());
  Epmd epmd;
  DaemonOptions options;
  options.config = "[agents]\ninterval = 1\n[graphite]\naddress = \"localhost:" +
                   std::to_string(chatterer.port()) + "\"\n";
  Daemon daemon(epmd, options);
  ErlNode node(epmd, {});
  ManagedNodes(daemon).bring_up(node.name());
  EXPECT_TRUE(eventually([&] { return chatterer.ended() > 3; }, 30s));
  expect_that_it_costs_little(daemon, chatterer);
  EXPECT_THAT(daemon.log(), HasSubstr("graphite: connected"));
  EXPECT_TRUE(daemon.stop());
}

INSTANTIATE_TEST_SUITE_P(Habits, AttackByGraphite,
                         testing::Values(Chatterer::Habit::without_end, Chatterer::Habit::once),
                         [](const auto& test) {
                           return test.param == Chatterer::Habit::once ? "AndHangsUp"
                                                                       : "WithoutEnd";
                         });

TEST(AttackByServer, TheCommandLineReads256MebibytesOfAnAnswerAndNoMore) {
  Chatterer server("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
  TempDir dir;
  Command command;
  command.argv = {muster_binary(), "ops", "--url",
                  "http://127.0.0.1:" + std::to_string(server.port())};
  command.env = {{"MUSTER_TOKEN", "given"}};
  command.output = dir / "output";
  Process process(command);
  EXPECT_TRUE(eventually([&] { return !process.is_running() || server.said() > 1u << 30; }, 60s));
  EXPECT_EQ(process.wait(0ms).value_or(-1), 1);
  EXPECT_THAT(process.output(), HasSubstr("the answer is larger than 256 MiB"));
  EXPECT_GE(server.said(), 256u << 20);
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  EXPECT_LT(used.ru_maxrss, 1 << 20) << "KiB";
}

}  // namespace
}  // namespace muster::test
