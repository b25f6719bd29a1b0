// The scripts themselves, by /bin/sh in a folder of their own.
#include "services/orchestration/scripts.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "base/random.h"
#include "drivers/shell.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::orchestration {
namespace {

namespace fs = std::filesystem;

class RunningScripts : public testing::Test {
 protected:
  RunningScripts() { fs::create_directories(home / id); }

  /// Runs it in the host's home or in a folder of it; its exit code.
  int run(const std::string& script, const std::string& folder = ".") const {
    const auto name = "script-" + random_hex(4);
    std::ofstream(home / name) << script;
    auto line = "cd " + drivers::quote((home / folder).string()) + " && sh " +
                drivers::quote((home / name).string()) + " </dev/null >>" +
                drivers::quote((home / "log").string()) + " 2>&1";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string text(const fs::path& file) const {
    std::stringstream bytes;
    bytes << std::ifstream(home / file).rdbuf();
    return bytes.str();
  }

  std::string id = random_uuid();
  test::TemporaryFolder temporary;
  const fs::path home = temporary.path;
};

TEST_F(RunningScripts, JoinRunsOnceWhateverBecomesOfItsCaller) {
  ASSERT_EQ(run("mkfifo gate", id), 0);
  auto join = scripts::join("fam", "echo began >>runs; cat gate >/dev/null");
  auto first = std::async(std::launch::async, [&] { return run(join, id); });
  ASSERT_EQ(run("until [ -s runs ]; do :; done", id), 0);
  // The daemon lost the first and tries again, while that is at work.
  auto second = std::async(std::launch::async, [&] { return run(join, id); });
  ASSERT_EQ(run("until [ \"$(ls .muster | grep -c '^joining[.]fam[.]')\" = 2 ]; do :; done\n"
                "echo go >gate",
                id),
            0);
  EXPECT_EQ(first.get(), 0);
  EXPECT_EQ(second.get(), 0) << text("log");
  EXPECT_EQ(run(join, id), 0);
  EXPECT_EQ(text(fs::path(id) / "runs"), "began\n");
  EXPECT_EQ(run("ls .muster >left", id), 0);
  EXPECT_EQ(text(fs::path(id) / "left"), "joined.fam\n");
}

TEST_F(RunningScripts, JoinRunsAgainAfterItFailedOrWasKilled) {
  auto join = scripts::join("fam", "echo ran >>runs; test -e ready || exit 7");
  EXPECT_EQ(run(join, id), 7) << text("log");
  // The lock of one that was killed, whose PID is another process' now.
  ASSERT_EQ(run("echo \"$$ 1\" >.muster/joining.fam; : >ready", id), 0);
  EXPECT_EQ(run(join, id), 0) << text("log");
  EXPECT_EQ(run(join, id), 0);
  EXPECT_EQ(text(fs::path(id) / "runs"), "ran\nran\n");
  EXPECT_EQ(run(scripts::join("other", "echo other >>runs"), id), 0);
  EXPECT_EQ(text(fs::path(id) / "runs"), "ran\nran\nother\n");
}

TEST_F(RunningScripts, UnpackEndsWhatAnEarlierAttemptLeftUnpacking) {
  fs::remove_all(home / id);
  ASSERT_EQ(
      run("mkdir -p made/bin .muster/unpack/" + id +
          ".old && echo x >made/bin/x && "
          "tar -czf archive made\n"
          "cd .muster/unpack/" +
          id +
          ".old\n"
          "setsid sh -c 'while :; do i=$((i+1)); mkdir -p $i; : >$i/f; done' .muster/unpack/" +
          id + ".old >/dev/null 2>&1 &\necho $! >../../../writer\n"),
      0);
  EXPECT_EQ(run("until [ -e .muster/unpack/" + id + ".old/50 ]; do :; done"), 0);
  EXPECT_EQ(run(scripts::unpack(id, "archive", 1, {}, "new")), 0) << text("log");
  EXPECT_EQ(text(fs::path(id) / "bin/x"), "x\n");
  EXPECT_NE(run("grep -q unpack \"/proc/$(cat writer)/cmdline\""), 0);
  run("kill -KILL $(cat writer)");
}

// Unpacked by root, tar kept it: whoever may enter the folder was root, or the node's user.
TEST_F(RunningScripts, UnpackingKeepsNoSetuidBits) {
  ASSERT_EQ(run("mkdir -p made/bin && echo x >made/bin/x && chmod 6755 made/bin/x && "
                "tar -czf archive made"),
            0);
  EXPECT_EQ(run(scripts::unpack(id, "archive", 1, {}, "new")), 0) << text("log");
  auto mode = fs::status(home / id / "bin/x").permissions();
  EXPECT_EQ(mode & (fs::perms::set_uid | fs::perms::set_gid), fs::perms::none);
  EXPECT_NE(mode & fs::perms::owner_exec, fs::perms::none);
}

TEST_F(RunningScripts, RemoveEndsNoEpmdButTheNodesOwn) {
  // "epmd" says so where it is asked to end.
  ASSERT_EQ(run("mkdir -p bin && printf '#!/bin/sh\\necho asked >>../../asked\\n' >bin/epmd && "
                "chmod +x bin/epmd && mkdir erts-1 && mv bin erts-1/",
                id),
            0);
  EXPECT_EQ(run(scripts::remove(id, true)), 0) << text("log");
  EXPECT_FALSE(fs::exists(home / "asked")) << "it does not run";
  EXPECT_FALSE(fs::exists(home / id));
}

}  // namespace
}  // namespace muster::orchestration
