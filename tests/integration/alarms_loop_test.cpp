// The alarm of a daemon whose loop is late, and its absence in one that was only stopped.
#include <csignal>
#include <thread>

#include "alarm_test.h"
#include "ports.h"

namespace muster::test {
namespace {

using namespace std::chrono_literals;

class AlarmsOfTheLoop : public AlarmTest {
 protected:
  AlarmsOfTheLoop()
      : AlarmTest({},
                  {{"LD_PRELOAD", MUSTER_BUSY_LOOP}, {"BUSY_LOOP", (dir() / "busy").string()}}) {}

  /// Made before the daemon is.
  static TempDir& dir() {
    static TempDir folder;
    return folder;
  }
};

TEST_F(AlarmsOfTheLoop, ALoopThatIsLateAgainAndAgain) {
  std::this_thread::sleep_for(1s);
  for (int i = 0; i < 3; ++i) {
    ::kill(daemon_.pid(), SIGSTOP);
    std::this_thread::sleep_for(2s);
    ::kill(daemon_.pid(), SIGCONT);
    std::this_thread::sleep_for(9s);
  }
  EXPECT_TRUE(list("condition=loop_is_late").empty()) << "a daemon that was stopped is not late";
  for (int i = 0; i < 3; ++i) {
    write_file(dir() / "busy", "");
    std::this_thread::sleep_for(10s);
  }
  auto alarm = raised("loop_is_late", "major");
  EXPECT_EQ(alarm.at("scope"), "daemon");
  over("loop_is_late", 90s);
}

}  // namespace
}  // namespace muster::test
