// What every Host must do (drivers/README.md), on this machine and through a real sshd.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/detached.hpp>
#include <fstream>
#include <numeric>

#include "base/sha256.h"
#include "base/task_group.h"
#include "base/timeout.h"
#include "drivers/hosts.h"
#include "drivers/ssh/keys.h"
#include "loop.h"
#include "ports.h"
#include "sshd.h"
#include "temp_dir.h"

namespace muster::drivers {
namespace {

using namespace std::chrono_literals;
using test::TempDir;
using End = CommandResult::End;

/// One way of reaching a machine, with a home of its own there.
class Reach {
 public:
  virtual ~Reach() = default;
  virtual std::shared_ptr<Host> host(Hosts& hosts) = 0;
  virtual std::filesystem::path home() const = 0;
};

class LocalReach final : public Reach {
 public:
  std::shared_ptr<Host> host(Hosts& hosts) override { return hosts.local(dir_.path()); }
  std::filesystem::path home() const override { return dir_.path(); }

 private:
  TempDir dir_;
};

/// A host played by an sshd of our own, entered as an ordinary user.
class SshReach final : public Reach {
 public:
  explicit SshReach(const Hosts::Settings& settings) {
    user_.authorize(*ssh::ensure_key(settings.directory / "id_ed25519", "muster"));
  }
  std::shared_ptr<Host> host(Hosts& hosts) override {
    return hosts.ssh(SshTarget{"127.0.0.1", sshd_.port(), user_.name(), {}});
  }
  std::filesystem::path home() const override { return user_.home(); }

 private:
  test::User user_;
  test::Sshd sshd_{user_};
};

struct Row {
  std::string name;
  std::unique_ptr<Reach> (*make)(const Hosts::Settings&);

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class HostContract : public testing::TestWithParam<Row> {
 protected:
  HostContract()
      : settings_{dir_ / "ssh", {}, false},
        reach_(GetParam().make(settings_)),
        hosts_(loop_.io.get_executor(), loop_.pool, settings_),
        host_(reach_->host(hosts_)) {}
  ~HostContract() override { loop_(hosts_.close()); }

  Result<CommandResult> run(Command command) { return loop_(host_->run(std::move(command))); }
  Result<CommandResult> run(std::string script) {
    Command command;
    command.script = std::move(script);
    return run(std::move(command));
  }
  std::string output(std::string script) {
    auto result = run(std::move(script));
    return result ? result->output : "error: " + result.error().text();
  }
  LocalFile make_file(std::size_t size) {
    LocalFile file;
    file.path = dir_ / "file";
    std::string bytes(size, '\0');
    std::iota(bytes.begin(), bytes.end(), 1);
    for (std::size_t i = 0; i + 8 < size; i += 4096) bytes[i] = static_cast<char>(i >> 12);
    test::write_file(file.path, bytes);
    file.size = size;
    file.sha256 = sha256_hex(bytes);
    return file;
  }

  TempDir dir_;
  test::Loop loop_;
  Hosts::Settings settings_;
  std::unique_ptr<Reach> reach_;
  Hosts hosts_;
  std::shared_ptr<Host> host_;
};

TEST_P(HostContract, TellsTheExitCodeAndTheOutputOfBothStreams) {
  auto result = run("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->end, End::exited);
  EXPECT_EQ(result->code, 3);
  EXPECT_EQ(result->output, "out\nerr\n");
  EXPECT_FALSE(result->succeeded());
}

TEST_P(HostContract, TellsThatACommandWasKilled) {
  auto result = run("sh -c 'kill -9 $$'");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->end, End::signalled);
  EXPECT_EQ(result->code, 9);
}

TEST_P(HostContract, ACommandWhoseShellIsKilledIsAnError) {
  auto result = run("kill -9 $$");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::unavailable);
  EXPECT_NE(result.error().text().find("killed"), std::string::npos) << result.error().text();
}

TEST_P(HostContract, ASyntaxErrorIsTheCommandsOwn) {
  auto result = run("if then");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_FALSE(result->succeeded());
  EXPECT_NE(result->output.find("yntax"), std::string::npos);
}

TEST_P(HostContract, IsNotKeptWaitingByWhatTheCommandLeavesRunning) {
  auto result = run("sleep 30 & echo $!");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_LT(result->duration, 5s);
  EXPECT_EQ(output("kill " + result->output), "");
}

TEST_P(HostContract, EndsACommandAndItsGroupAtTheLimit) {
  Command command;
  command.script = "trap '' TERM; sleep 4322 & echo before; sleep 4322; sleep 4322";
  command.limit = 1s;
  auto result = run(std::move(command));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->end, End::timed_out);
  EXPECT_EQ(result->output, "before\n");
  EXPECT_LT(result->duration, 6s);
  EXPECT_TRUE(test::eventually([this] {
    return output("pgrep -x sleep -a | grep ' 4322$'") == "";
  })) << output("ps -ef | grep sleep");
}

TEST_P(HostContract, LeavesNoProcessOfItsOwnBehind) {
  for (int i = 0; i < 5; ++i) {
    Command command;
    command.script = "true";
    command.limit = 4321s;
    EXPECT_TRUE(run(std::move(command)));
  }
  EXPECT_TRUE(
      test::eventually([this] { return output("pgrep -x -a sleep | grep ' 4321$'") == ""; }));
}

TEST_P(HostContract, KeepsTheLastBytesOfALongOutput) {
  Command command;
  command.script = "seq 1 2000000; echo last";
  command.output_limit = 1000;
  auto result = run(std::move(command));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output.size(), 1000u);
  EXPECT_TRUE(result->output.ends_with("2000000\nlast\n"));
}

TEST_P(HostContract, GivesVariablesAndADirectory) {
  Command command;
  command.script = "printf '%s|%s|' \"$A\" \"$SECOND\"; cat; pwd";
  command.env = {{"A", "it's \"here\" $HOME `x`\n"}};
  command.secrets = {{"SECOND", Secret("top secret")}};
  command.directory = "/usr";
  auto result = run(std::move(command));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output, "it's \"here\" $HOME `x`\n|********|/usr\n");
}

TEST_P(HostContract, StartsInTheHomeWithoutInput) {
  EXPECT_EQ(output("cat; pwd"), reach_->home().string() + "\n");
}

TEST_P(HostContract, ShowsNeitherSecretNorScriptInTheProcessList) {
  Command command;
  command.script =
      ": plover-of-the-script; ps -ewwo args > processes; grep -c 'xyzzy-[c]ookie' processes;"
      " grep -c 'plover-of-the-[s]cript' processes; sh -c 'test -n \"$COOKIE\"' && echo set";
  command.secrets = {{"COOKIE", Secret("xyzzy-cookie")}};
  auto result = run(std::move(command));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output, "0\n0\nset\n");
}

TEST_P(HostContract, RefusesANameThatIsNoVariable) {
  Command command;
  command.env = {{"A; rm -rf", "x"}};
  auto result = run(std::move(command));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::bad_request);
}

TEST_P(HostContract, RunsManyAtOnce) {
  std::vector<Task<CommandResult>> tasks;
  for (int i = 0; i < 20; ++i) {
    Command command;
    command.script = "sleep 0.2; echo " + std::to_string(i);
    tasks.push_back(host_->run(std::move(command)));
  }
  auto results = loop_.all(std::move(tasks));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(results[i]) << results[i].error().text();
    EXPECT_EQ(results[i]->output, std::to_string(i) + "\n");
  }
}

TEST_P(HostContract, DoesNotBlockTheLoopMeanwhile) {
  int ticks = 0;
  bool is_over = false;
  auto ticking = [&]() -> asio::awaitable<void> {
    for (; !is_over; ++ticks) co_await pause(5ms);
  };
  ASSERT_TRUE(run("true"));
  asio::co_spawn(loop_.io, ticking, asio::detached);
  auto file = make_file(50'000'000);
  auto placed = loop_(host_->put(file, "big", nullptr));
  EXPECT_TRUE(placed) << placed.error().text();
  const int while_sent = ticks;
  EXPECT_TRUE(run("sleep 0.2"));
  is_over = true;
  loop_(pause(20ms));
  EXPECT_GT(while_sent, 10);
  EXPECT_GT(ticks - while_sent, 10);
}

TEST_P(HostContract, CancellingUnwindsAtOnce) {
  TaskGroup group(loop_.io.get_executor());
  auto running = [&]() -> asio::awaitable<void> {
    Command command;
    command.script = "sleep 5; touch too-late";
    (void)co_await host_->run(std::move(command));
  };
  ASSERT_TRUE(run("true"));
  group.spawn("a command", running());
  loop_(pause(300ms));
  const auto before = std::chrono::steady_clock::now();
  group.cancel();
  loop_(group.join());
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
}

TEST_P(HostContract, PlacesAFileAndTellsItsProgress) {
  auto file = make_file(20'000'001);
  std::uint64_t last = 0;
  int calls = 0;
  auto progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, file.size);
    last = done;
    ++calls;
  };
  auto placed = loop_(host_->put(file, "deep/er/file.tar.gz", progress));
  ASSERT_TRUE(placed) << placed.error().text();
  EXPECT_EQ(last, file.size);
  EXPECT_GT(calls, 2);
  EXPECT_EQ(*sha256_of_file(reach_->home() / "deep/er/file.tar.gz"), file.sha256);
  EXPECT_EQ(output("ls -A deep/er"), "file.tar.gz\n");
}

TEST_P(HostContract, PlacesFilesThatOnlyTheirUserCanRead) {
  auto file = make_file(1000);
  ASSERT_TRUE(loop_(host_->put(file, "releases/file.tar.gz", nullptr)));
  struct stat info {};
  ASSERT_EQ(::stat((reach_->home() / "releases/file.tar.gz").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_P(HostContract, PlacesAnEmptyFile) {
  auto file = make_file(0);
  auto placed = loop_(host_->put(file, "empty", nullptr));
  ASSERT_TRUE(placed) << placed.error().text();
  EXPECT_EQ(output("wc -c <empty"), "0\n");
}

TEST_P(HostContract, SendsNothingWhenTheFileIsThere) {
  auto file = make_file(1'000'000);
  ASSERT_TRUE(loop_(host_->put(file, "file", nullptr)));
  std::filesystem::remove(file.path);
  auto placed = loop_(host_->put(file, "file", nullptr));
  EXPECT_TRUE(placed) << placed.error().text();
}

TEST_P(HostContract, ContinuesAnInterruptedUpload) {
  auto file = make_file(5'000'000);
  ASSERT_EQ(output("echo"), "\n");  // the home is there
  const auto part = reach_->home() / "file.part";
  test::write_file(part, test::read_file(file.path).substr(0, 4'000'000), 0666);
  ::chmod(part.c_str(), 0666);
  std::uint64_t first = 0;
  auto progress = [&](std::uint64_t done, std::uint64_t) {
    if (first == 0) first = done;
  };
  auto placed = loop_(host_->put(file, "file", progress));
  ASSERT_TRUE(placed) << placed.error().text();
  EXPECT_GE(first, 4'000'000u);
  EXPECT_EQ(*sha256_of_file(reach_->home() / "file"), file.sha256);
}

TEST_P(HostContract, DoesNotTrustWhatAnotherUploadLeft) {
  auto file = make_file(3'000'000);
  ASSERT_EQ(output("echo"), "\n");
  const auto part = reach_->home() / "file.part";
  test::write_file(part, std::string(2'000'000, 'z'), 0666);
  ::chmod(part.c_str(), 0666);
  auto placed = loop_(host_->put(file, "file", nullptr));
  ASSERT_TRUE(placed) << placed.error().text();
  EXPECT_EQ(*sha256_of_file(reach_->home() / "file"), file.sha256);
}

TEST_P(HostContract, RefusesAFileThatIsNotWhatItsHashSays) {
  auto file = make_file(100'000);
  file.sha256 = std::string(64, '0');
  auto placed = loop_(host_->put(file, "file", nullptr));
  ASSERT_FALSE(placed);
  EXPECT_EQ(output("ls"), "");
}

TEST_P(HostContract, SaysThatTheDiskIsFull) {
  const auto mount = reach_->home() / "small";
  ASSERT_EQ(output("mkdir small"), "");
  if (::system(("mount -t tmpfs -o size=2m,mode=777 tmpfs " + mount.string()).c_str()) != 0)
    GTEST_SKIP() << "no tmpfs can be mounted here";
  auto file = make_file(5'000'000);
  auto placed = loop_(host_->put(file, "small/file", nullptr));
  EXPECT_EQ(::system(("umount " + mount.string()).c_str()), 0);
  ASSERT_FALSE(placed);
  EXPECT_EQ(placed.error().errc(), Errc::quota) << placed.error().text();
  EXPECT_NE(placed.error().text().find("full"), std::string::npos) << placed.error().text();
}

std::unique_ptr<Reach> reach_local(const Hosts::Settings&) {
  return std::make_unique<LocalReach>();
}

std::unique_ptr<Reach> reach_ssh(const Hosts::Settings& settings) {
  return std::make_unique<SshReach>(settings);
}

INSTANTIATE_TEST_SUITE_P(Drivers, HostContract,
                         testing::Values(Row{"local", reach_local}, Row{"ssh", reach_ssh}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace muster::drivers
