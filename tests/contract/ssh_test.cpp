// What a host by SSH does beyond the contract: keys, agents, lost and silent connections.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/all.h"
#include "base/sha256.h"
#include "base/task_group.h"
#include "base/timeout.h"
#include "chatterer.h"
#include "drivers/hosts.h"
#include "drivers/ssh/keys.h"
#include "loop.h"
#include "ports.h"
#include "sshd.h"

namespace muster::drivers {
namespace {

using namespace std::chrono_literals;

class SshTest : public testing::Test {
 protected:
  ~SshTest() override { loop_(hosts_.close()); }

  SshTarget target() const { return {"127.0.0.1", sshd_.port(), user_.name(), {}}; }
  void authorize_us() { user_.authorize(*hosts_.public_key()); }
  Result<CommandResult> run(Host& host, std::string script) {
    Command command;
    command.script = std::move(script);
    return loop_(host.run(std::move(command)));
  }
  std::size_t logins() const {
    const auto log = sshd_.log(), word = std::string("Accepted publickey for");
    std::size_t count = 0;
    for (auto at = log.find(word); at != log.npos; at = log.find(word, at + 1)) ++count;
    return count;
  }
  static void expect_says(const Result<CommandResult>& result, Errc code,
                          const std::string& words) {
    ASSERT_FALSE(result) << words;
    EXPECT_EQ(result.error().errc(), code) << result.error().text();
    EXPECT_NE(result.error().text().find(words), std::string::npos) << result.error().text();
  }

  test::TempDir dir_;
  test::User user_;
  test::Sshd sshd_{user_};
  test::Loop loop_;
  Hosts hosts_{loop_.io.get_executor(), loop_.pool, Hosts::Settings{dir_ / "ssh", {}, false}};
};

TEST_F(SshTest, MakesAKeyOfItsOwnThatOthersCannotRead) {
  auto line = hosts_.public_key();
  ASSERT_TRUE(line) << line.error().text();
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "ssh/id_ed25519").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(*line, *hosts_.public_key());
  // OpenSSH reads it as we do.
  auto theirs = test::run({"ssh-keygen", "-y", "-f", dir_ / "ssh/id_ed25519"});
  EXPECT_EQ(theirs, *line + "\n");
}

TEST_F(SshTest, ARefusedKeyIsSaidWithTheLineToAdd) {
  auto host = hosts_.ssh(target());
  expect_says(run(*host, "true"), Errc::forbidden,
              "host 127.0.0.1 refused our key for user " + user_.name() +
                  ": add this public key to ~" + user_.name() +
                  "/.ssh/authorized_keys there: ssh-ed25519 AAAA");
  authorize_us();
  EXPECT_TRUE(run(*host, "true"));
}

TEST_F(SshTest, AHostThatIsNotThereIsSaid) {
  auto elsewhere = target();
  elsewhere.port = test::free_port();
  expect_says(run(*hosts_.ssh(elsewhere), "true"), Errc::unavailable, "nothing listens there");
  elsewhere.host = "no-such-host.invalid";
  expect_says(run(*hosts_.ssh(elsewhere), "true"), Errc::unavailable, "no-such-host.invalid");
}

TEST_F(SshTest, AChangedHostKeyIsRefused) {
  authorize_us();
  ASSERT_TRUE(run(*hosts_.ssh(target()), "true"));
  sshd_.change_host_key();
  expect_says(run(*hosts_.ssh(target()), "true"), Errc::conflict, "shows another key than before");
  // As the message says: without its line it is a first key again.
  test::write_file(dir_ / "ssh/known_hosts", "");
  EXPECT_TRUE(run(*hosts_.ssh(target()), "true"));
}

TEST_F(SshTest, StrictMeansThatOnlyKnownHostsAreEntered) {
  authorize_us();
  test::TempDir home;
  ::setenv("HOME", home.path().c_str(), 1);
  Hosts strict(loop_.io.get_executor(), loop_.pool, Hosts::Settings{dir_ / "ssh", {}, true});
  expect_says(run(*strict.ssh(target()), "true"), Errc::conflict, "is not in the known_hosts");
  auto scanned = test::run({"ssh-keyscan", "-p", std::to_string(sshd_.port()), "127.0.0.1"});
  test::write_file(home / ".ssh/known_hosts", scanned, 0600);
  auto known = run(*strict.ssh(target()), "true");
  EXPECT_TRUE(known) << known.error().text();
  sshd_.change_host_key();
  expect_says(run(*strict.ssh(target()), "true"), Errc::conflict, "shows another key");
  loop_(strict.close());
}

TEST_F(SshTest, UsesTheKeysOfTheSshAgent) {
  const auto socket = dir_ / "agent";
  test::Command agent;
  agent.argv = {"ssh-agent", "-D", "-a", socket};
  test::Process process(agent);
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(socket); }));
  ::setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  for (const char* name : {"one", "two"}) {
    auto line = test::make_ssh_key(dir_ / name);
    test::run({"ssh-add", "-q", dir_ / name});
    if (std::string(name) == "two") user_.authorize(line);
  }
  auto result = run(*hosts_.ssh(target()), "echo in");
  ::unsetenv("SSH_AUTH_SOCK");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output, "in\n");
}

TEST_F(SshTest, UsesTheKeyThatAServerNames) {
  user_.authorize(test::make_ssh_key(dir_ / "key"));
  auto with_key = target();
  with_key.key = dir_ / "key";
  EXPECT_TRUE(run(*hosts_.ssh(with_key), "true"));
  test::run({"ssh-keygen", "-q", "-p", "-N", "secret word", "-f", dir_ / "key"});
  with_key.host = "localhost";  // another way of entering, so another connection
  expect_says(run(*hosts_.ssh(with_key), "true"), Errc::bad_request, "without a passphrase");
}

TEST_F(SshTest, OneConnectionCarriesEverything) {
  authorize_us();
  std::vector<Task<CommandResult>> tasks;
  for (int i = 0; i < 40; ++i) {
    Command command;
    command.script = "sleep 0.05; pgrep -u $(id -u) -fc '^[s]shd'";
    tasks.push_back(hosts_.ssh(target())->run(std::move(command)));
  }
  for (auto& result : loop_.all(std::move(tasks))) ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(logins(), 1u);
  EXPECT_EQ(sshd_.log().find("no more sessions"), std::string::npos);
}

TEST_F(SshTest, AnAccountWithoutAShellIsSaid) {
  authorize_us();
  test::run({"usermod", "--shell", "/usr/sbin/nologin", user_.name()});
  expect_says(run(*hosts_.ssh(target()), "true"), Errc::unavailable, "not available");
}

TEST_F(SshTest, ALostConnectionEndsItsCommandsAndIsMadeAgain) {
  authorize_us();
  auto host = hosts_.ssh(target());
  ASSERT_TRUE(run(*host, "true"));
  auto lose = [this]() -> Task<CommandResult> {
    co_await pause(500ms);
    sshd_.stop();
    co_return CommandResult{};
  };
  Command slow;
  slow.script = "sleep 20";
  std::vector<Task<CommandResult>> both;
  both.push_back(host->run(std::move(slow)));
  both.push_back(lose());
  const auto before = std::chrono::steady_clock::now();
  auto results = loop_.all(std::move(both));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  expect_says(results[0], Errc::unavailable, "the connection was");
  sshd_.start();
  auto again = run(*host, "echo again");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->output, "again\n");
}

TEST_F(SshTest, AConnectionThatDiedUnnoticedIsMadeAgainAtOnce) {
  authorize_us();
  auto host = hosts_.ssh(target());
  ASSERT_TRUE(run(*host, "true"));
  sshd_.stop();
  sshd_.start();
  auto again = run(*host, "echo again");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(logins(), 2u);
}

TEST_F(SshTest, AnUploadOutlivesItsConnection) {
  authorize_us();
  auto host = hosts_.ssh(target());
  LocalFile file;
  file.path = dir_ / "file";
  std::string bytes(80'000'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = static_cast<char>(i / 1000);
  test::write_file(file.path, bytes);
  file.size = bytes.size();
  file.sha256 = sha256_hex(bytes);
  bool is_lost = false;
  std::uint64_t at_loss = 0, after = 0;
  auto progress = [&](std::uint64_t done, std::uint64_t) {
    if (is_lost && after == 0) after = done;
    if (is_lost || done < 30'000'000) return;
    is_lost = true;
    at_loss = done;
    sshd_.stop();
    sshd_.start();
  };
  auto placed = loop_(host->put(file, "file", progress));
  ASSERT_TRUE(placed) << placed.error().text();
  EXPECT_GT(at_loss, 0u);
  EXPECT_GE(after, at_loss);  // what was there is not sent again
  EXPECT_EQ(*sha256_of_file(user_.home() / "file"), file.sha256);
}

TEST_F(SshTest, AHostThatStopsAnsweringIsGivenUp) {
  authorize_us();
  auto host = hosts_.ssh(target());
  ASSERT_TRUE(run(*host, "true"));
  sshd_.freeze();
  const auto before = std::chrono::steady_clock::now();
  auto result = run(*host, "true");
  sshd_.thaw();
  // The connection is silent for 30 s; a new one does not get through the handshake either.
  EXPECT_LT(std::chrono::steady_clock::now() - before, 60s);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::unavailable) << "worth another attempt";
  EXPECT_NE(result.error().text().find("no answer within"), std::string::npos)
      << result.error().text();
  auto again = run(*host, "true");
  EXPECT_TRUE(again) << again.error().text();
}

// libssh2 reads for as long as there is a byte: on the loop that was for ever.
TEST_F(SshTest, AHostThatSendsWithoutEndIsAnErrorAndHoldsUpNobody) {
  const std::string growing = "hi\r\n" + std::string(250, 'y') + "\r\n";
  for (auto* words : {"x", growing.c_str(), "hello from nowhere\r\n", "SSH-2.0-endless\r\nSSH-"}) {
    test::Chatterer chatterer(words);
    auto there = target();
    there.port = chatterer.port();
    std::chrono::steady_clock::duration worst{};
    TaskGroup ticking(loop_.io.get_executor());
    auto tick = [&worst]() -> asio::awaitable<void> {
      for (;;) {
        auto due = std::chrono::steady_clock::now() + 20ms;
        co_await pause(20ms);
        worst = std::max(worst, std::chrono::steady_clock::now() - due);
      }
    };
    ticking.spawn("a tick", tick());
    auto result = run(*hosts_.ssh(there), "true");
    if (std::string_view(words).starts_with("SSH"))
      EXPECT_FALSE(result);  // and after the banner, a key exchange that is none
    else
      expect_says(result, Errc::unsupported, "does an SSH server listen on this port?");
    EXPECT_LT(worst, 1s) << words;
    ticking.cancel();
    loop_(ticking.join());
  }
}

TEST_F(SshTest, CommandsThatWaitedForAChannelShareTheFailureToConnect) {
  test::Chatterer chatterer("no\r\n", test::Chatterer::Habit::once);
  auto there = target();
  there.port = chatterer.port();
  auto host = hosts_.ssh(there);
  ASSERT_FALSE(run(*host, "true"));
  const auto once = chatterer.ended();
  EXPECT_GT(once, 0u);
  auto many = [&]() -> asio::awaitable<std::vector<Result<CommandResult>>> {
    std::vector<Task<CommandResult>> tasks;
    for (int i = 0; i < 30; ++i) {
      Command command;
      command.script = "true";
      tasks.push_back(host->run(std::move(command)));
    }
    co_return co_await all(std::move(tasks));
  };
  for (auto& result : loop_(many())) EXPECT_FALSE(result);
  EXPECT_EQ(chatterer.ended(), 2 * once);
}

TEST_F(SshTest, ClosingEndsWhatRuns) {
  authorize_us();
  auto host = hosts_.ssh(target());
  ASSERT_TRUE(run(*host, "true"));
  auto closing = [&]() -> Task<CommandResult> {
    co_await pause(200ms);
    co_await hosts_.close();
    co_return CommandResult{};
  };
  Command slow;
  slow.script = "sleep 20";
  std::vector<Task<CommandResult>> both;
  both.push_back(host->run(std::move(slow)));
  both.push_back(closing());
  const auto before = std::chrono::steady_clock::now();
  auto results = loop_.all(std::move(both));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().errc(), Errc::unavailable);
  EXPECT_TRUE(run(*host, "true"));  // used again, it connects again
}

TEST_F(SshTest, CancelledWaitersLeaveTheConnectionSound) {
  authorize_us();
  auto host = hosts_.ssh(target());
  for (int round = 0; round < 10; ++round) {
    TaskGroup group(loop_.io.get_executor());
    auto waiter = [&]() -> asio::awaitable<void> {
      Command command;
      command.script = "sleep 0.1; : " + std::string(3'000'000, 'x');
      (void)co_await host->run(std::move(command));
    };
    for (int i = 0; i < 5; ++i) group.spawn("a waiter", waiter());
    loop_(pause(std::chrono::milliseconds(30 * round)));
    group.cancel();
    loop_(group.join());
  }
  auto result = run(*host, "echo sound");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(logins(), 1u);
}

}  // namespace
}  // namespace muster::drivers
