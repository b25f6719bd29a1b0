// A large Erlang application of somebody else's becomes a cluster on three hosts: ejabberd, packed
// as a release, whose own script joins the cluster; over SSH, as an ordinary user.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "ports.h"
#include "process.h"
#include "sshd.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class ThirdParty : public testing::Test {
 protected:
  /// Three addresses, each a host with a node name of its own.
  json::object physical() const {
    json::array servers;
    for (auto& address : sshd.addresses())
      servers.push_back({{"host", address}, {"port", sshd.port()}, {"user", user.name()}});
    return {{"type", "physical"}, {"servers", servers}};
  }
  /// How many members each node of the family says its cluster has.
  std::vector<std::size_t> cluster_sizes() const {
    auto run = daemon.rest(
        "POST", "/api/commands",
        {{"family", "xmpp"}, {"module", "ejabberd_cluster"}, {"function", "get_nodes"}});
    std::vector<std::size_t> sizes;
    if (run.status != 200) return sizes;
    for (auto& result : run.json.at("results").as_array())
      if (auto* members = result.as_object().if_contains("value"); members && members->is_array())
        sizes.push_back(members->as_array().size());
    return sizes;
  }

  User user;
  Sshd sshd{user, {"127.0.0.1", "127.0.0.2", "127.0.0.3"}};
  Epmd epmd{"127.0.0.1,127.0.0.2,127.0.0.3"};
  Daemon daemon{epmd};
  Deployer deployer{daemon, epmd};
};

TEST_F(ThirdParty, EjabberdBecomesAClusterOnThreeHosts) {
  std::string tarball;
  try {
    tarball = run({MUSTER_SOURCE_DIR "/tests/ejabberd/pack"}, 120s);
  } catch (const std::exception& e) {
    GTEST_SKIP() << "no ejabberd: " << e.what();
  }
  tarball.resize(tarball.find('\n'));
  const auto port = free_port();
  user.authorize(
      std::string(daemon.rest("GET", "/api/orch/ssh_key").json.at("public_key").as_string()));
  deployer.define("xmpp", physical(), std::filesystem::path(tarball),
                  {{"start_cmd", "bin/ejabberd daemon"},
                   {"stop_cmd", "bin/ejabberd stop"},
                   {"node_name_templates", {"etc/vm.args", "etc/ejabberd.yml"}}},
                  {{"variables", {{"c2s_port", std::to_string(port)}}},
                   {"bootstrap_node_selection", "first"},
                   {"bootstrap_strategy", "custom"},
                   {"bootstrap_strategy_opts", {{{"cmd", "bin/ejabberd join"}}}}});
  const auto begun = std::chrono::steady_clock::now();
  auto rows = deployer.deploy("xmpp", 3);
  ASSERT_EQ(rows.size(), 3u);
  ASSERT_TRUE(deployer.wait_for("xmpp", "UP", 3)) << deployer.describe("xmpp");
  std::cout << "a cluster after "
            << std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::steady_clock::now() - begun)
                   .count()
            << " ms" << std::endl;
  std::vector<std::string> hosts;
  for (auto& row : rows) {
    auto name = std::string(row.at("name").as_string());
    hosts.push_back(name.substr(name.find('@') + 1));
  }
  std::sort(hosts.begin(), hosts.end());
  EXPECT_EQ(hosts, sshd.addresses()) << "one on each";
  EXPECT_EQ(cluster_sizes(), std::vector<std::size_t>(3, 3));
  for (auto& host : hosts) EXPECT_TRUE(accepts(host, port)) << "XMPP clients of " << host;

  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/node_families/xmpp/nodes").status, 202);
  ASSERT_TRUE(deployer.wait_until_gone("xmpp")) << deployer.describe("xmpp");
  EXPECT_TRUE(visible(user.home()).empty());
  EXPECT_TRUE(eventually([&] { return archives(user.home()).empty(); }));
  std::vector<std::string> left;
  auto nothing_is_left = [&] {
    left = user.processes();
    std::erase_if(left, [](const std::string& line) { return line.starts_with("sshd: "); });
    return left.empty();
  };
  EXPECT_TRUE(eventually(nothing_is_left, 5s)) << testing::PrintToString(left);
}

}  // namespace
}  // namespace muster::test
