// Whole deployments with a real daemon, real Erlang nodes and real hosts: this machine without SSH,
// and loopback addresses with an sshd and an ordinary user.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"
#include "process.h"
#include "sshd.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

std::string text(const json::object& object, std::string_view name) {
  auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::vector<std::string> ids(const json::array& nodes) {
  std::vector<std::string> all;
  for (auto& node : nodes) all.push_back(text(node.as_object(), "id"));
  std::sort(all.begin(), all.end());
  return all;
}

class LocalDeployment : public testing::Test {
 protected:
  json::object local() const { return {{"type", "local"}, {"folder", home.path().string()}}; }
  /// What a deployed node may do here.
  std::string role_of(const json::value& row) const {
    auto node = daemon.rest("GET", "/api/topo/nodes/" + text(row.as_object(), "id"));
    EXPECT_EQ(node.status, 200) << node.text;
    return node.status == 200 ? text(node.json.as_object(), "role") : "";
  }

  LocalHome home;
  Epmd epmd;
  Daemon daemon{epmd};
  Deployer deployer{daemon, epmd};
};

TEST_F(LocalDeployment, ThreeNodesAreDeployedConnectedStoppedStartedAndRemoved) {
  TinyRelease release;
  deployer.define(
      "shop", local(), release, {},
      {{"bootstrap_strategy", "distributed_erlang"}, {"bootstrap_node_selection", "random"}});
  auto begun = std::chrono::steady_clock::now();
  auto rows = deployer.deploy("shop", 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
  ASSERT_EQ(rows.size(), 3u);
  for (auto& row : rows) {
    EXPECT_EQ(row.at("state"), "UNINIT");
    EXPECT_EQ(text(row.as_object(), "name"), text(row.as_object(), "id") + "@127.0.0.1");
  }
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 3)) << deployer.describe("shop");
  EXPECT_EQ(role_of(rows[0]), "none");
  EXPECT_EQ(visible(home.path()), ids(rows));
  EXPECT_EQ(archives(home.path()).size(), 1u);

  // Connected with each other, as one of them says.
  auto first = ids(rows)[0];
  auto is_connected = [&] {
    auto run = daemon.rest("POST", "/api/commands",
                           {{"nodes", {first}}, {"module", "erlang"}, {"function", "nodes"}});
    return run.text.find(ids(rows)[1] + "@") != std::string::npos &&
           run.text.find(ids(rows)[2] + "@") != std::string::npos;
  };
  EXPECT_TRUE(eventually(is_connected));

  deployer.post("node_families/shop/stop");
  ASSERT_TRUE(deployer.wait_for("shop", "STOPPED", 3)) << deployer.describe("shop");
  for (auto& id : ids(rows)) EXPECT_TRUE(processes_of(id).empty());

  deployer.post("nodes/" + first + "/start");
  ASSERT_TRUE(eventually([&] { return text(deployer.node(first), "state") == "UP"; }, 60s))
      << deployer.describe("shop");

  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/shop").status, 409);
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/shop/nodes").status, 202);
  ASSERT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(visible(home.path()).empty());
  EXPECT_TRUE(eventually([&] { return archives(home.path()).empty(); }));
  for (auto& id : ids(rows)) EXPECT_TRUE(processes_of(id).empty());
  for (auto* path : {"node_families/shop", "releases/shop", "providers/shop"})
    EXPECT_EQ(daemon.rest("DELETE", std::string("/api/orch/") + path).status, 200) << path;
}

TEST_F(LocalDeployment, AStartCommandThatFailsIsToldAndRetryGoesOn) {
  TinyRelease release;
  deployer.define("shop", local(), release, {{"start_cmd", "bin/tiny fail"}});
  auto rows = deployer.deploy("shop", 1);
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_TRUE(deployer.wait_for("shop", "ERROR", 1)) << deployer.describe("shop");
  auto error = deployer.node(ids(rows)[0]).at("error").as_object();
  EXPECT_EQ(text(error, "step"), "start");
  EXPECT_NE(text(error, "output").find("the disk of this shop is on fire"), std::string::npos);
  EXPECT_FALSE(text(error, "remedy").empty());
  auto mended = daemon.rest("PATCH", "/api/orch/releases/shop",
                            json::object{{"start_cmd", "bin/tiny daemon"}});
  EXPECT_EQ(mended.status, 200);
  deployer.post("nodes/" + ids(rows)[0] + "/retry");
  EXPECT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
}

TEST_F(LocalDeployment, AStartCommandThatNeverReturnsEndsInError) {
  TinyRelease release;
  deployer.define("shop", local(), release, {{"start_cmd", "bin/tiny hang"}});
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "ERROR", 1, 120s)) << deployer.describe("shop");
  EXPECT_EQ(text(deployer.node(ids(rows)[0]).at("error").as_object(), "step"), "start");
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/nodes/" + ids(rows)[0]).status, 202);
  EXPECT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(processes_of(ids(rows)[0]).empty());
}

TEST_F(LocalDeployment, NodesHaveTheRoleOfTheirFamilyOrElseOfTheirRelease) {
  TinyRelease first("first"), second("second");
  deployer.define("first", local(), first, {{"role", "operator"}}, {{"role", "viewer"}});
  deployer.define("second", local(), second, {{"role", "operator"}});
  auto of_family = deployer.deploy("first", 1), of_release = deployer.deploy("second", 1);
  ASSERT_TRUE(deployer.wait_for("first", "UP", 1)) << deployer.describe("first");
  ASSERT_TRUE(deployer.wait_for("second", "UP", 1)) << deployer.describe("second");
  EXPECT_EQ(role_of(of_family[0]), "viewer");
  EXPECT_EQ(role_of(of_release[0]), "operator");
}

TEST_F(LocalDeployment, AForegroundReleaseIsDetached) {
  TinyRelease release;
  deployer.define("shop", local(), release,
                  {{"start_cmd", "bin/tiny foreground"}, {"start_mode", "foreground"}});
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  daemon.restart();
  EXPECT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  EXPECT_EQ(processes_of(ids(rows)[0]).empty(), false);
}

TEST_F(LocalDeployment, HeartDoesNotBringAStoppedNodeBack) {
  TinyRelease release("", "-heart\n-env HEART_COMMAND bin/tiny\\ daemon\n");
  deployer.define("shop", local(), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  deployer.post("nodes/" + ids(rows)[0] + "/stop");
  ASSERT_TRUE(deployer.wait_for("shop", "STOPPED", 1)) << deployer.describe("shop");
  EXPECT_TRUE(processes_of(ids(rows)[0]).empty());
  EXPECT_FALSE(eventually([&] { return !processes_of(ids(rows)[0]).empty(); }, 5s));
}

TEST_F(LocalDeployment, ADeletedNodeIsGoneForTenSecondsBeforeItsFolderGoes) {
  TinyRelease release;
  deployer.define("shop", local(), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/nodes/" + ids(rows)[0]).status, 202);
  ASSERT_TRUE(eventually([&] { return !epmd.knows(ids(rows)[0]); }, 30s));
  auto gone_at = std::chrono::steady_clock::now();
  EXPECT_EQ(visible(home.path()), ids(rows));
  ASSERT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_GE(std::chrono::steady_clock::now() - gone_at, 9s);
  EXPECT_TRUE(visible(home.path()).empty());
}

TEST_F(LocalDeployment, ACustomBootstrapIsGivenANodeOfTheFamily) {
  TinyRelease release;
  deployer.define("shop", local(), release, {},
                  {{"bootstrap_strategy", "custom"},
                   {"bootstrap_node_selection", "first"},
                   {"bootstrap_strategy_opts", {{{"cmd", "bin/tiny join"}}}}});
  auto rows = deployer.deploy("shop", 2);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");
  std::string joined;
  for (auto& id : ids(rows)) joined += read_file(home / id / "joined");
  auto a = ids(rows)[0] + "@127.0.0.1", b = ids(rows)[1] + "@127.0.0.1";
  EXPECT_TRUE(joined == a + " joins " + b + "\n" || joined == b + " joins " + a + "\n") << joined;
}

TEST_F(LocalDeployment, HundredsOfRowsAreAnsweredWithinASecond) {
  TinyRelease release;
  deployer.define("shop", local(), release);
  auto begun = std::chrono::steady_clock::now();
  auto rows = deployer.deploy("shop", 300, false);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
  EXPECT_EQ(rows.size(), 300u);
  EXPECT_TRUE(deployer.wait_for("shop", "STOPPED", 300, 120s));
  EXPECT_EQ(visible(home.path()).size(), 300u);
}

TEST_F(LocalDeployment, ACloudWithoutADriverIsUnsupported) {
  TinyRelease release;
  json::object cloud{
      {"type", "virtual"}, {"vprovider", "ec2"}, {"username", "u"}, {"password", "p"}};
  deployer.define("cloud", cloud, release);
  auto reply = daemon.rest("POST", "/api/orch/node_families/cloud/nodes",
                           {{"amount", 2}, {"autostart", true}, {"provider", "cloud"}});
  EXPECT_EQ(reply.status, 501) << reply.text;
  EXPECT_EQ(reply.json.at("code"), "unsupported");
}

TEST_F(LocalDeployment, AnElixirReleaseIsDeployedUnchanged) {
  TempDir dir;
  try {
    run({"mix", "--version"});
  } catch (const std::exception&) {
    GTEST_SKIP() << "no Elixir on this machine";
  }
  auto make = "cd '" + dir.path().string() +
              "' && mix new shop --sup && cd shop && MIX_ENV=prod mix release --path ../release && "
              "tar -czf ../shop.tar.gz -C ../release .";
  run({"sh", "-c", make});
  deployer.define("shop", local(), dir / "shop.tar.gz",
                  {{"start_cmd", "bin/shop daemon"}, {"stop_cmd", "bin/shop stop"}},
                  {{"bootstrap_strategy", "distributed_erlang"}});
  auto rows = deployer.deploy("shop", 2);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");
  deployer.post("node_families/shop/stop");
  ASSERT_TRUE(deployer.wait_for("shop", "STOPPED", 2)) << deployer.describe("shop");
  for (auto& id : ids(rows)) EXPECT_TRUE(processes_of(id).empty());
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/shop/nodes").status, 202);
  EXPECT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(visible(home.path()).empty());
}

/// A file system of 256 KiB, in the place of the home.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
    try {
      run({"mount", "-t", "tmpfs", "-o", "size=256k", "none", folder_});
      is_mounted = true;
    } catch (const std::exception&) {
    }
  }
  ~SmallDisk() {
    if (is_mounted) run({"umount", "-l", folder_});
  }
  bool is_mounted = false;

 private:
  std::filesystem::path folder_;
};

TEST_F(LocalDeployment, AFullDiskIsToldAndRetryGoesOn) {
  SmallDisk disk(home.path());
  if (!disk.is_mounted) GTEST_SKIP() << "no file system can be mounted here";
  write_file(home / ".ballast", std::string(250 * 1024, 'x'));
  TinyRelease release(run({"sh", "-c", "head -c 60000 /dev/urandom | base64 -w0"}));
  deployer.define("shop", local(), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "ERROR", 1)) << deployer.describe("shop");
  auto error = json::serialize(deployer.node(ids(rows)[0]).at("error"));
  EXPECT_TRUE(error.find("full") != error.npos || error.find("No space left") != error.npos)
      << error;
  fs::remove(home / ".ballast");
  deployer.post("nodes/" + ids(rows)[0] + "/retry");
  EXPECT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/nodes/" + ids(rows)[0]).status, 202);
  EXPECT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
}

TEST_F(LocalDeployment, AWrongCookieInTheReleaseIsToldAsSuchAndSoon) {
  TinyRelease release("", "-setcookie another\n");
  deployer.define("shop", local(), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "ERROR", 1, 30s)) << deployer.describe("shop");
  auto error = json::serialize(deployer.node(ids(rows)[0]).at("error"));
  EXPECT_NE(error.find("cookie"), std::string::npos) << error;
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/nodes/" + ids(rows)[0]).status, 202);
  EXPECT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(processes_of(ids(rows)[0]).empty());
}

class SshDeployment : public testing::Test {
 protected:
  SshDeployment() : sshd(user, {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {}

  /// Three addresses, each a host of its own; epmd listens on the first.
  json::object physical() const {
    json::array servers;
    for (auto& address : sshd.addresses())
      servers.push_back({{"host", address},
                         {"port", sshd.port()},
                         {"user", user.name()},
                         {"node_host", "127.0.0.1"}});
    return {{"type", "physical"}, {"servers", servers}};
  }
  void authorize() {
    auto reply = daemon.rest("GET", "/api/orch/ssh_key");
    ASSERT_EQ(reply.status, 200) << reply.text;
    user.authorize(std::string(reply.json.at("public_key").as_string()));
  }

  User user;
  Sshd sshd;
  Epmd epmd;
  Daemon daemon{epmd};
  Deployer deployer{daemon, epmd};
};

TEST_F(SshDeployment, SixNodesOnThreeHostsOfAnOrdinaryUser) {
  authorize();
  TinyRelease release;
  deployer.define("shop", physical(), release, {{"cookie", "verysecretcookie"}},
                  {{"bootstrap_strategy", "distributed_erlang"}});
  auto rows = deployer.deploy("shop", 6);
  ASSERT_EQ(rows.size(), 6u);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 6)) << deployer.describe("shop");
  EXPECT_EQ(visible(user.home()), ids(rows));
  for (auto& line : user.processes())
    EXPECT_EQ(line.find("verysecretcookie"), std::string::npos) << line;
  EXPECT_EQ(deployer.describe("shop").find("verysecretcookie"), std::string::npos);
  EXPECT_EQ(daemon.log().find("verysecretcookie"), std::string::npos);
  daemon.restart();
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 6)) << deployer.describe("shop");
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/shop/nodes").status, 202);
  ASSERT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(visible(user.home()).empty());
}

TEST_F(SshDeployment, AHostThatStopsAnsweringHoldsUpNobodyAndGoesOnLater) {
  authorize();
  TinyRelease release;
  deployer.define("shop", physical(), release);
  auto first = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
  sshd.freeze();
  auto rows = deployer.deploy("shop", 3);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(text(deployer.node(ids(first)[0]), "state"), "UP") << "its link does not need the host";
  std::this_thread::sleep_for(2s);
  EXPECT_TRUE(visible(user.home()) == ids(first));
  sshd.thaw();
  // Whatever had failed by then for good goes on by retry.
  auto all_up = [&] {
    for (auto& node : deployer.nodes("shop"))
      if (text(node.as_object(), "state") == "ERROR")
        deployer.post("nodes/" + text(node.as_object(), "id") + "/retry");
    return deployer.wait_for("shop", "UP", 4, 0s);
  };
  EXPECT_TRUE(eventually(all_up, 90s)) << deployer.describe("shop");
}

TEST_F(SshDeployment, AWrongKeyIsAnErrorThatRetryOvercomes) {
  TinyRelease release;
  deployer.define("shop", physical(), release);
  auto rows = deployer.deploy("shop", 1);
  ASSERT_TRUE(deployer.wait_for("shop", "ERROR", 1)) << deployer.describe("shop");
  EXPECT_FALSE(text(deployer.node(ids(rows)[0]).at("error").as_object(), "remedy").empty());
  authorize();
  deployer.post("nodes/" + ids(rows)[0] + "/retry");
  EXPECT_TRUE(deployer.wait_for("shop", "UP", 1)) << deployer.describe("shop");
}

}  // namespace
}  // namespace muster::test
