// The tools of these tests, against the real programs: a tool that lies makes every test worthless.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"
#include "sshd.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

Command shell(const std::string& line, const TempDir& dir) {
  Command command;
  command.argv = {"sh", "-c", line};
  command.output = dir / "output";
  return command;
}

TEST(SupportProcess, ReportsTheExitCodeAndTheOutput) {
  TempDir dir;
  auto command = shell("echo $GREETING; pwd; exit 3", dir);
  command.env = {{"GREETING", "hello"}};
  command.cwd = dir.path();
  Process process(command);
  EXPECT_EQ(process.wait(seconds(5)), 3);
  EXPECT_EQ(process.output(), "hello\n" + dir.path().string() + "\n");
}

TEST(SupportProcess, SaysWhichProgramCannotBeStarted) {
  Command command;
  command.argv = {"/no/such/program"};
  EXPECT_THROW(Process{command}, std::runtime_error);
}

TEST(SupportProcess, KillsWhatItStartedWithItsChildren) {
  TempDir dir;
  pid_t child = 0;
  {
    Process process(shell("sleep 600 & echo $!; wait", dir));
    ASSERT_TRUE(process.wait_for_output("\n", seconds(5)));
    child = std::stoi(process.output());
    EXPECT_EQ(::kill(child, 0), 0);
  }
  EXPECT_TRUE(eventually([child] { return ::kill(child, 0) != 0; }));
}

TEST(SupportProcess, FeedsItsInput) {
  TempDir dir;
  auto command = shell("read line; echo got $line", dir);
  command.with_input = true;
  Process process(command);
  process.write("it\n");
  EXPECT_EQ(process.wait(seconds(5)), 0);
  EXPECT_EQ(process.output(), "got it\n");
}

TEST(SupportPorts, NeverGivesTheSamePortTwice) {
  EXPECT_NE(free_port(), free_port());
}

TEST(SupportEpmd, ForgetsItsNamesWhenRestarted) {
  Epmd epmd;
  ErlOptions options;
  options.name = "epmd_user@127.0.0.1";
  ErlNode node(epmd, options);
  EXPECT_TRUE(epmd.knows("epmd_user"));
  epmd.stop();
  EXPECT_FALSE(accepts("127.0.0.1", epmd.port()));
  epmd.start();
  EXPECT_TRUE(accepts("127.0.0.1", epmd.port()));
}

class SupportErl : public testing::TestWithParam<int> {};

TEST_P(SupportErl, EvaluatesExpressions) {
  const auto erlang = otp(GetParam());
  if (!erlang.unavailable.empty()) GTEST_SKIP() << erlang.unavailable;
  Epmd epmd;
  ErlOptions a_options, b_options;
  a_options.otp = erlang;
  a_options.name = "a@127.0.0.1";
  b_options.name = "b@127.0.0.1";
  b_options.otp = erlang;
  b_options.hidden = true;
  ErlNode a(epmd, a_options), b(epmd, b_options);
  EXPECT_EQ(a.eval("erlang:system_info(otp_release)"), "\"" + std::to_string(GetParam()) + "\"");
  EXPECT_EQ(a.name(), "a@127.0.0.1");
  EXPECT_EQ(a.eval("net_adm:ping('b@127.0.0.1')"), "pong");
  EXPECT_EQ(a.eval("nodes(hidden)."), "['b@127.0.0.1']");
  EXPECT_EQ(a.eval("X = 1,\nY = 2,\nX + Y."), "3");
  EXPECT_EQ(a.eval("self() ! {\"grüß\", <<\"\\n\">>}, receive M -> M end"),
            "{\"grüß\",<<\"\\n\">>}");
  EXPECT_EQ(a.eval("X = 2"), "error:{badmatch,2}");
  EXPECT_EQ(a.eval("throw(a_ball)"), "throw:a_ball");
  EXPECT_EQ(a.eval("io:format(\"noise\"), ok"), "ok");
  EXPECT_EQ(a.eval("crypto:hash(md5, <<>>) =/= <<>>"), "true");
  EXPECT_EQ(a.eval("{ok, _} = application:ensure_all_started(ssl), ok"), "ok");
  EXPECT_EQ(a.eval("os:cmd(\"echo hi\")"), "\"hi\\n\"");
}

TEST_P(SupportErl, ConnectsOverTls) {
  const auto erlang = otp(GetParam());
  if (!erlang.unavailable.empty()) GTEST_SKIP() << erlang.unavailable;
  Epmd epmd;
  Authority authority;
  ErlOptions options;
  options.otp = erlang;
  options.tls = &authority;
  ErlNode a(epmd, options);
  options.name = "b@127.0.0.1";
  ErlNode b(epmd, options);
  EXPECT_EQ(a.eval("net_adm:ping('b@127.0.0.1')"), "pong");
}

INSTANTIATE_TEST_SUITE_P(Otp, SupportErl, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

TEST(SupportErl, RunsShortNamedNodes) {
  Epmd epmd;
  ErlOptions options;
  options.name = "short";
  ErlNode node(epmd, options);
  EXPECT_EQ(node.name().substr(0, 6), "short@");
  EXPECT_EQ(node.name().find('.'), std::string::npos);
}

TEST(SupportErl, SaysWhatWasPrintedWhenThereIsNoAnswer) {
  Epmd epmd;
  ErlNode node(epmd, ErlOptions{});
  EXPECT_THROW(node.eval("timer:sleep(infinity)", std::chrono::milliseconds(200)),
               std::runtime_error);
}

TEST(SupportSshd, PlaysSeveralHostsForOneUser) {
  User user;
  TempDir dir;
  user.authorize(make_ssh_key(dir / "key"));
  Sshd sshd(user, {"127.0.0.2", "127.0.0.3"});
  for (const auto& host : sshd.addresses()) {
    EXPECT_EQ(run({"ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o",
                   "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-i", dir / "key", "-p",
                   std::to_string(sshd.port()), user.name() + "@" + host, "id -un; pwd"}),
              user.name() + "\n" + user.home().string() + "\n");
  }
  EXPECT_NE(sshd.log().find("Accepted publickey"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return user.processes().empty(); }));
}

TEST(SupportSshd, FreezesAndThaws) {
  User user;
  Sshd sshd(user);
  sshd.freeze();
  TempDir dir;
  Process client(shell("ssh-keyscan -T 30 -p " + std::to_string(sshd.port()) + " 127.0.0.1", dir));
  EXPECT_EQ(client.wait(std::chrono::milliseconds(300)), std::nullopt);
  sshd.thaw();
  EXPECT_EQ(client.wait(seconds(20)), 0);
}

TEST(SupportHttp, SaysWhyThereIsNoReply) {
  HttpRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(free_port()) + "/";
  const auto reply = http(request);
  EXPECT_EQ(reply.status, 0);
  EXPECT_FALSE(reply.text.empty());
}

/// Starts a program that outlives its parent, in this folder; its process id.
pid_t start_detached(const std::filesystem::path& folder) {
  const auto file = folder / "pid";
  run({"sh", "-c",
       "cd '" + folder.string() +
           "' && setsid sh -c 'echo $$ >pid; exec sleep 1000' & "
           "until [ -s '" +
           file.string() + "' ]; do sleep 0.01; done"});
  return std::stoi(read_file(file));
}
bool is_running(pid_t pid) {
  return !read_file("/proc/" + std::to_string(pid) + "/cmdline").empty();
}

TEST(SupportHome, ADeploymentTestThatFailsLeavesNoNodeBehind) {
  pid_t node = 0;
  {
    LocalHome home;
    node = start_detached(home.path());
    EXPECT_TRUE(is_running(node));
  }
  EXPECT_FALSE(is_running(node));
}

TEST(SupportHome, ADeploymentTestThatIsKilledLeavesNoNodeBehind) {
  TempDir dir;
  const pid_t test = ::fork();
  if (test == 0) {
    LocalHome home;
    write_file(dir / "node", std::to_string(start_detached(home.path())) + "\n");
    ::pause();
  }
  ASSERT_TRUE(eventually([&] { return read_file(dir / "node").ends_with("\n"); }));
  const pid_t node = std::stoi(read_file(dir / "node"));
  EXPECT_TRUE(is_running(node));
  ::kill(test, SIGKILL);
  ::waitpid(test, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !is_running(node); }));
}

}  // namespace
}  // namespace muster::test
