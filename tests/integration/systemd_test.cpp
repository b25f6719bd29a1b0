// Start mode `systemd`: nodes as units of a real user manager, `systemd --user`.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "ports.h"
#include "process.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// A user manager as a login starts one. It asks whether the machine was booted with systemd, so it
/// gets a /run of its own that says so, and a hierarchy of control groups where there is none.
/// Ends, with its units, with this object.
class UserManager {
 public:
  explicit UserManager(const std::map<std::string, std::string>& env) {
    Command command;
    command.argv = {"unshare", "--mount", "sh", "-c", R"sh(set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
if ! grep -qs cgroup /proc/self/mounts; then
  mount -t sysfs sysfs /sys
  mount -t tmpfs tmpfs /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
exec /lib/systemd/systemd --user
)sh"};
    command.env = env;
    command.output = output_ / "log";
    process_ = std::make_unique<Process>(std::move(command));
  }
  ~UserManager() {
    process_->signal(SIGTERM);
    process_->wait(10s);
  }
  std::string output() const { return process_->output(); }

 private:
  TempDir output_;
  std::unique_ptr<Process> process_;
};

class Systemd : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || !std::filesystem::exists("/lib/systemd/systemd"))
      GTEST_SKIP() << "needs root and the package systemd";
    if (std::system("unshare --mount true 2>/dev/null") != 0)
      GTEST_SKIP() << "mounts of a test's own are not possible here (a chroot?)";
    std::filesystem::create_directory(home / "run");
    manager = std::make_unique<UserManager>(env());
    ASSERT_TRUE(eventually([&] { return systemctl("is-active default.target") == "active"; }, 20s))
        << manager->output();
  }
  std::map<std::string, std::string> env() const {
    return {{"HOME", home.path()}, {"XDG_RUNTIME_DIR", home / "run"}};
  }
  DaemonOptions options() const {
    DaemonOptions options;
    options.env = env();
    return options;
  }
  /// The first line of what `systemctl --user` says.
  std::string systemctl(const std::string& arguments) const {
    auto said =
        run({"sh", "-c",
             "XDG_RUNTIME_DIR=" + (home / "run").string() + " HOME=" + home.path().string() +
                 " systemctl --user " + arguments + " 2>/dev/null || :"});
    return said.substr(0, said.find('\n'));
  }
  std::int64_t creation(const std::string& id) const {
    auto reply = daemon.rest("GET", "/api/topo/nodes/" + id).json.as_object();
    auto* value = reply.if_contains("creation");
    return value && value->is_int64() ? value->as_int64() : 0;
  }

  LocalHome home;
  std::unique_ptr<UserManager> manager;
  Epmd epmd;
  Daemon daemon{epmd, options()};
  Deployer deployer{daemon, epmd};
};

TEST_F(Systemd, NodesAreUnitsOfTheUserManager) {
  TinyRelease release;
  deployer.define("shop", {{"type", "local"}, {"folder", (home / "nodes").string()}}, release,
                  {{"start_mode", "systemd"}, {"start_cmd", "bin/tiny foreground"}});
  auto rows = deployer.deploy("shop", 2);
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");
  std::vector<std::string> ids, units;
  for (auto& row : rows) {
    ids.emplace_back(row.at("id").as_string());
    units.push_back("muster-" + ids.back() + ".service");
    EXPECT_EQ(systemctl("is-active " + units.back()), "active");
    EXPECT_EQ(systemctl("is-enabled " + units.back()), "enabled");
  }

  // One that dies is started again by its manager.
  auto before = creation(ids[0]);
  systemctl("kill --signal KILL " + units[0]);
  EXPECT_TRUE(eventually([&] { return creation(ids[0]) != before; }, 60s));
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");

  deployer.post("node_families/shop/stop");
  ASSERT_TRUE(deployer.wait_for("shop", "STOPPED", 2)) << deployer.describe("shop");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_TRUE(processes_of(ids[i]).empty());
    EXPECT_EQ(systemctl("is-active " + units[i]), "inactive");
    EXPECT_EQ(systemctl("is-enabled " + units[i]), "disabled");
  }

  deployer.post("node_families/shop/start");
  ASSERT_TRUE(deployer.wait_for("shop", "UP", 2)) << deployer.describe("shop");
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/shop/nodes").status, 202);
  ASSERT_TRUE(deployer.wait_until_gone("shop")) << deployer.describe("shop");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_TRUE(processes_of(ids[i]).empty());
    EXPECT_EQ(systemctl("list-unit-files --no-legend " + units[i]), "");
  }
  EXPECT_TRUE(visible(home / "nodes").empty());
}

}  // namespace
}  // namespace muster::test
