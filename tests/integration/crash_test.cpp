// A deployment survives its deployer: the daemon is killed right before and right after every
// commit of its database while it deploys a node, and while it removes some, started again, and
// what is on the host is compared with the rows.
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "ports.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class Crashes : public testing::Test {
 protected:
  static DaemonOptions preloaded(const TempDir& dir) {
    DaemonOptions options;
    options.env = {{"LD_PRELOAD", MUSTER_CRASH_POINT}, {"CRASH_POINT", (dir / "order").string()}};
    return options;
  }
  json::object local() const { return {{"type", "local"}, {"folder", home.path().string()}}; }

  void arm(const std::string& when, int commit) {
    write_file(order / "order", when + " " + std::to_string(commit) + "\n");
  }
  void disarm() { std::filesystem::remove(order / "order"); }

  /// Folders, processes and uploads on the host are what the rows of all families say.
  void compare(const std::vector<std::string>& families) {
    std::vector<std::string> known;
    for (auto& family : families)
      for (auto& node : deployer.nodes(family)) known.emplace_back(node.at("id").as_string());
    std::sort(known.begin(), known.end());
    EXPECT_EQ(visible(home.path()), known);
    for (auto& id : known) EXPECT_EQ(emulators(id), 1) << id;
  }
  static int emulators(const std::string& id) {
    auto all = processes_of(id);
    return static_cast<int>(std::count_if(all.begin(), all.end(), [](const std::string& line) {
      return line.find("beam") != std::string::npos;
    }));
  }

  /// Deploys one node of a release of its own with a crash at every commit on the way.
  void deploy_with_crashes(const std::string& when) {
    std::vector<std::string> families;
    bool reached_end = false;
    for (int commit = 1; commit < 40 && !reached_end; ++commit) {
      SCOPED_TRACE("killed " + when + " commit " + std::to_string(commit));
      auto family = "shop" + std::to_string(commit);
      families.push_back(family);
      TinyRelease release(family);
      deployer.define(family, local(), release);
      arm(when, commit);
      auto rows = deployer.deploy(family, 1);
      bool was_killed = eventually(
          [&] {
            if (!daemon.process().is_running()) return true;
            return !rows.empty() && deployer.wait_for(family, "UP", 1, 0s);
          },
          60s);
      EXPECT_TRUE(was_killed) << deployer.describe(family);
      reached_end = outlives_its_commits(family);
      if (!reached_end) daemon.start();
      EXPECT_TRUE(deployer.wait_for(family, "UP", {}, 60s)) << deployer.describe(family);
      auto all = deployer.nodes(family);
      EXPECT_EQ(all.size(), rows.empty() ? all.size() : 1u);
      EXPECT_EQ(archives(home.path()).size(),
                count_nodes(families));  // each release is another archive, uploaded once
      compare(families);
      if (HasFailure()) break;
    }
    EXPECT_TRUE(reached_end);
    for (auto& family : families)
      daemon.rest("DELETE", "/api/orch/node_families/" + family + "/nodes");
    for (auto& family : families)
      EXPECT_TRUE(deployer.wait_until_gone(family)) << deployer.describe(family);
    EXPECT_TRUE(visible(home.path()).empty());
    EXPECT_TRUE(eventually([&] { return archives(home.path()).empty(); }));
  }
  /// UP is told before it is written: whatever was to be written then has been when this ends, and
  /// it is disarmed.
  bool outlives_its_commits(const std::string& token) {
    const std::vector<std::string> headers{"Authorization: Bearer " + daemon.token()};
    HttpRequest write{"POST", daemon.url("/api/tokens"), headers,
                      json::serialize(json::object{{"name", token}, {"role", "viewer"}})};
    HttpRequest read{"GET", daemon.url("/api/tokens"), headers, ""};
    const bool is_written = daemon.process().is_running() && http(write).status == 201;
    disarm();
    if (is_written && http(read).status == 200) return true;
    EXPECT_TRUE(eventually([&] { return !daemon.process().is_running(); }));
    return false;
  }
  std::size_t count_nodes(const std::vector<std::string>& families) {
    std::size_t sum = 0;
    for (auto& family : families) sum += deployer.nodes(family).size();
    return sum;
  }

  TempDir order;
  LocalHome home;
  Epmd epmd;
  Daemon daemon{epmd, preloaded(order)};
  Deployer deployer{daemon, epmd};
};

TEST_F(Crashes, BeforeEveryWriteOfADeployment) {
  deploy_with_crashes("before");
}

TEST_F(Crashes, AfterEveryWriteOfADeployment) {
  deploy_with_crashes("after");
}

TEST_F(Crashes, BeforeAndAfterWritesOfARemoval) {
  TinyRelease release;
  deployer.define("shop", local(), release);
  auto rows = deployer.deploy("shop", 2);
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");
  daemon.rest("DELETE", "/api/orch/node_families/shop/nodes");
  // Each life gets a little further than the one before.
  bool is_gone = false;
  for (int commit = 1; commit < 12 && !is_gone; ++commit) {
    for (auto* when : {"before", "after"}) {
      arm(when, commit);
      auto is_over = [&] {
        is_gone = deployer.wait_until_gone("shop", 0s);
        return is_gone || !daemon.process().is_running();
      };
      EXPECT_TRUE(eventually(is_over, 60s)) << deployer.describe("shop");
      disarm();
      if (is_gone) break;
      daemon.start();
    }
  }
  EXPECT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  EXPECT_TRUE(visible(home.path()).empty());
  EXPECT_TRUE(eventually([&] { return archives(home.path()).empty(); }));
  for (auto& row : rows) EXPECT_EQ(emulators(std::string(row.at("id").as_string())), 0);
}

}  // namespace
}  // namespace muster::test
