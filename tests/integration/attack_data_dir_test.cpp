// What becomes of the data directory when somebody copies, shares or points elsewhere with it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "erl.h"
#include "ports.h"
#include "serve.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(AttackDataDir, TwoDaemonsDoNotWorkInOneDirectory) {
  Epmd epmd;
  Serve first(epmd), second(epmd, "other@127.0.0.1");
  ASSERT_TRUE(first.start()) << first.log();
  second.use(first.data());
  const auto url = read_file(first.data() / "api.url");
  EXPECT_FALSE(second.start());
  EXPECT_THAT(second.said(),
              HasSubstr("is in use by process " + std::to_string(first.process().pid())));
  EXPECT_THAT(second.said(), HasSubstr(first.data().string()));
  EXPECT_FALSE(epmd.knows("other"));
  EXPECT_EQ(read_file(first.data() / "api.url"), url);
  first.kill9();
  EXPECT_TRUE(second.start()) << "the lock goes with its process: " << second.said();
}

TEST(AttackDataDir, ARestoredCopyKeepsItsHandsOffTheAgentsOfTheLivingDaemon) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  Serve living(epmd), copy(epmd, "copy@127.0.0.1");
  ASSERT_TRUE(living.start()) << living.log();
  auto lacking = [&](Serve& daemon) {
    auto node = daemon.rest("GET", "/api/topo/nodes/" + erl.name()).json;
    if (!node.is_object() || node.at("state") != json::value("UP")) return std::string("not UP");
    auto* lacks = node.as_object().if_contains("agents_lacking");
    return lacks ? json::serialize(*lacks) : std::string("nothing");
  };
  ASSERT_EQ(
      living.rest("POST", "/api/actions/add-node", {{"name", erl.name()}, {"cookie", "cookie"}})
          .status,
      201);
  auto has_agents = [&](Serve& daemon) {
    auto of_us =
        "[P || P <- [whereis(N) || N <- registered(), "
        "lists:prefix(\"muster_agent_\", atom_to_list(N))], lists:member('" +
        daemon.name() +
        "', [node(M) || {process, M} <- element(2, process_info(P, monitors)), is_pid(M)])]";
    return erl.eval("length(" + of_us + ") >= 3") == "true";
  };
  ASSERT_TRUE(eventually([&] { return has_agents(living); }, 30s)) << living.log();
  run({"cp", "-a", living.data(), copy.data()});

  ASSERT_TRUE(copy.start()) << copy.log();
  EXPECT_TRUE(
      eventually([&] { return lacking(copy).find(living.name()) != std::string::npos; }, 30s))
      << lacking(copy);
  EXPECT_THAT(lacking(copy), HasSubstr("another installation"));
  EXPECT_THAT(copy.said(), HasSubstr("--take-over"));
  EXPECT_TRUE(has_agents(living));
  EXPECT_FALSE(has_agents(copy));

  ASSERT_TRUE(copy.stop());
  ASSERT_TRUE(copy.start({"--take-over"})) << copy.log();
  EXPECT_TRUE(eventually([&] { return has_agents(copy); }, 30s)) << copy.said();
  EXPECT_TRUE(
      eventually([&] { return lacking(living).find(copy.name()) != std::string::npos; }, 30s))
      << lacking(living);
  EXPECT_EQ(lacking(copy), "nothing");
  EXPECT_FALSE(has_agents(living));

  // The one that stays has them again, also after a restart: nobody is locked out.
  ASSERT_TRUE(copy.stop());
  EXPECT_TRUE(eventually([&] { return has_agents(living); }, 40s)) << living.said();
  living.kill9();
  ASSERT_TRUE(living.start());
  EXPECT_TRUE(eventually([&] { return has_agents(living); }, 40s)) << living.said();
}

TEST(AttackDataDir, AFolderThatIsNotOursIsRefusedAndStaysAsItIs) {
  Epmd epmd;
  Serve daemon(epmd);
  TempDir others;
  write_file(others / "letter", "dear");
  daemon.use(others.path());
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("no data directory"));
  EXPECT_EQ(mode_of(others.path()), 0755u);
  EXPECT_EQ(std::distance(fs::directory_iterator(others.path()), fs::directory_iterator()), 1);
}

TEST(AttackDataDir, WhatIsKeptIsItsOwnersAlone) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  Serve daemon(epmd);
  ::umask(0);
  const bool started = daemon.start();
  ::umask(022);
  ASSERT_TRUE(started) << daemon.log();
  daemon.rest("POST", "/api/actions/add-node", {{"name", erl.name()}, {"cookie", "cookie"}});
  daemon.rest("GET", "/api/orch/ssh_key");
  EXPECT_TRUE(eventually([&] {
    return !fs::is_empty(daemon.data() / "notifications") &&
           !fs::is_empty(daemon.data() / "metrics");
  }));
  for (auto& entry : fs::recursive_directory_iterator(daemon.data()))
    EXPECT_EQ(mode_of(entry.path()) & 077, 0u) << entry.path();
}

TEST(AttackDataDir, TheAddressOfADaemonThatHasStoppedIsNotLeftBehind) {
  Epmd epmd;
  Serve daemon(epmd);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_THAT(read_file(daemon.data() / "api.url"), HasSubstr(std::to_string(daemon.port())));
  ASSERT_TRUE(daemon.stop());
  EXPECT_FALSE(fs::exists(daemon.data() / "api.url"));
}

}  // namespace
}  // namespace muster::test
