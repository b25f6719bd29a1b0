// Managed nodes that are reached in another way than by epmd and plain TCP: TLS distribution, and
// nodes without epmd on a port of their own; through the daemon, on four OTP releases.
#include <gtest/gtest.h>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "tls.h"

namespace muster::test {
namespace {

namespace json = boost::json;

/// What M:F(Args) gave on the node, as JSON text.
std::string run(const ManagedNodes& nodes, const std::string& name, const std::string& module,
                const std::string& function, json::array args) {
  auto reply = nodes.run(
      {{"module", module}, {"function", function}, {"args", std::move(args)}, {"nodes", {name}}});
  auto& result = reply.at("results").at(0).as_object();
  return result.contains("value") ? json::serialize(result["value"]) : json::serialize(result);
}

DaemonOptions with_tls(const Authority::Identity& identity, const Authority& authority) {
  DaemonOptions options;
  options.config = "[distribution]\ncertificate = \"" + identity.certificate.string() +
                   "\"\nkey = \"" + identity.key.string() + "\"\nca = \"" +
                   authority.certificate().string() + "\"\n";
  return options;
}

class Tls : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (auto why = otp(GetParam()).unavailable; !why.empty()) GTEST_SKIP() << why;
  }
  ErlOptions options(const std::string& name, const Authority* authority) {
    ErlOptions options;
    options.otp = otp(GetParam());
    options.name = name;
    options.tls = authority;
    return options;
  }

  Authority authority_;
  Epmd epmd_;
  Daemon daemon_{epmd_, with_tls(authority_.issue("127.0.0.1"), authority_)};
  ManagedNodes nodes_{daemon_};
};

TEST_P(Tls, NodesAreManagedBesideOthersWithout) {
  ErlNode secure(epmd_, options("secure@127.0.0.1", &authority_));
  ErlNode plain(epmd_, options("plain@127.0.0.1", nullptr));
  nodes_.add(secure.name(), {{"tls", true}});
  nodes_.add(plain.name());
  nodes_.wait_for(secure.name(), "UP");
  nodes_.wait_for(plain.name(), "UP");
  EXPECT_EQ(nodes_.get(secure.name()).at("otp_release"), json::value(std::to_string(GetParam())));
  for (auto* node : {&secure, &plain}) {
    EXPECT_EQ(run(nodes_, node->name(), "lists", "seq", {1, 3}), "[1,2,3]");
    EXPECT_EQ(node->eval("nodes()"), "[]");
  }
  EXPECT_TRUE(eventually([&] { return nodes_.get(secure.name()).as_object().contains("vitals"); }))
      << "the agent works over TLS as well";
}

TEST_P(Tls, ANodeCallsTheDaemonAndIsDialledWhenItsOwnConnectionEnds) {
  ErlNode node(epmd_, options("a@127.0.0.1", &authority_));
  node.eval("M = '" + daemon_.name() + "'");
  EXPECT_EQ(node.eval("net_adm:ping(M)"), "pong");
  EXPECT_EQ(node.eval("rpc:call(M, muster, echo, [hello])"), "{ok,hello}");
  EXPECT_EQ(
      node.eval("B = binary:copy(<<7>>, 3000000), rpc:call(M, muster, echo, [B]) =:= {ok, B}"),
      "true");
  EXPECT_EQ(node.eval("{ok, N} = rpc:call(M, topology, add_node, [#{name => node(), tls => true}]),"
                      "maps:get(tls, N)"),
            "true");
  nodes_.wait_for(node.name(), "UP");
  auto count =
      "length(maps:get(items, element(2, gen_server:call({topology, M}, {list_nodes, #{}}))))";
  EXPECT_EQ(node.eval(count), "1");
  EXPECT_EQ(node.eval("rpc:call(M, muster, subscribe, [#{topics => ['topology.node_state']}]),"
                      "erlang:monitor_node(M, true), erlang:disconnect_node(M),"
                      "receive {nodedown, M} -> down after 5000 -> none end"),
            "down");
  EXPECT_TRUE(eventually([&] {
    return node.eval("nodes(hidden)") == "['" + daemon_.name() + "']";
  })) << "it dials again by itself";
  nodes_.wait_for(node.name(), "UP");
  EXPECT_EQ(node.eval(count), "1");
  EXPECT_EQ(node.eval("erpc:call(M, muster, echo, [again])"), "{ok,again}");
}

TEST_P(Tls, ACertificateOfAnotherAuthorityIsRefusedAndSaidSo) {
  Authority other;
  ErlNode node(epmd_, options("a@127.0.0.1", &other));
  EXPECT_EQ(node.eval("net_adm:ping('" + daemon_.name() + "')"), "pang");
  auto is_logged = [&](const std::string& text) {
    return eventually([&] { return daemon_.log().find(text) != std::string::npos; });
  };
  EXPECT_TRUE(is_logged("a node at 127.0.0.1 was not let in: TLS from a peer: "));
  nodes_.add(node.name(), {{"tls", true}});
  nodes_.wait_for(node.name(), "tls");
  EXPECT_TRUE(is_logged("a@127.0.0.1 is DOWN: tls, connect to a@127.0.0.1: TLS to the peer: "));
  EXPECT_NE(daemon_.log().find("certificate"), std::string::npos);
}

TEST_P(Tls, ANodeThatDoesNotTakeOurCertificateIsDownForTlsToo) {
  Authority other;
  ErlNode node(epmd_, options("a@127.0.0.1", &authority_));
  auto ours = other.issue("127.0.0.1");
  DaemonOptions options = with_tls(ours, authority_);
  options.name = "untrusted@127.0.0.1";
  Daemon untrusted(epmd_, options);
  ManagedNodes nodes(untrusted);
  nodes.add(node.name(), {{"tls", true}});
  nodes.wait_for(node.name(), "tls");
  EXPECT_EQ(node.eval("net_adm:ping('untrusted@127.0.0.1')"), "pang");
}

TEST_P(Tls, AWrongCookieIsSaidSo) {
  auto how = options("a@127.0.0.1", &authority_);
  how.cookie = "another";
  ErlNode node(epmd_, how);
  nodes_.add(node.name(), {{"tls", true}});
  nodes_.wait_for(node.name(), "cookie");
}

TEST_P(Tls, ANodeThatSpeaksTlsAndIsAddedWithoutSaysSo) {
  ErlNode node(epmd_, options("a@127.0.0.1", &authority_));
  nodes_.add(node.name());
  const auto* reason = GetParam() == 23 ? "closed" : "tls";  // OTP 23 hangs up without a word
  nodes_.wait_for(node.name(), reason);
  auto reply = daemon_.rest("PATCH", "/api/topo/nodes/" + node.name(), json::object{{"tls", true}});
  EXPECT_EQ(reply.status, 200) << reply.text;
  nodes_.wait_for(node.name(), "UP");
}

INSTANTIATE_TEST_SUITE_P(Otp, Tls, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

class FixedPort : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (auto why = otp(GetParam()).unavailable; !why.empty()) GTEST_SKIP() << why;
    epmd_.stop();  // there is none anywhere
  }
  ErlOptions options(std::uint16_t port) {
    ErlOptions options;
    options.otp = otp(GetParam());
    options.name = "fixed@127.0.0.1";
    auto text = std::to_string(port);
    options.args = {"-erl_epmd_port",       text, "-kernel", "inet_dist_listen_min", text,
                    "inet_dist_listen_max", text};
    return options;
  }
  Epmd epmd_;
};

TEST_P(FixedPort, ANodeWithoutEpmdIsManagedByItsPort) {
  Daemon daemon(epmd_);
  ManagedNodes nodes(daemon);
  const auto port = free_port();
  auto node = std::make_unique<ErlNode>(epmd_, options(port));
  nodes.bring_up("fixed@127.0.0.1", {{"port", port}});
  EXPECT_EQ(nodes.get("fixed@127.0.0.1").at("dist_port"), port);
  EXPECT_EQ(run(nodes, "fixed@127.0.0.1", "lists", "seq", {1, 3}), "[1,2,3]");
  EXPECT_EQ(node->eval("nodes()"), "[]");
  EXPECT_EQ(node->eval("rpc:call('" + daemon.name() + "', muster, echo, [1])"), "{ok,1}");
  auto before = nodes.get("fixed@127.0.0.1").at("creation");
  node.reset();
  nodes.wait_for("fixed@127.0.0.1", "refused");
  node = std::make_unique<ErlNode>(epmd_, options(port));
  nodes.wait_for("fixed@127.0.0.1", "UP");
  EXPECT_NE(nodes.get("fixed@127.0.0.1").at("creation"), before);
  EXPECT_EQ(run(nodes, "fixed@127.0.0.1", "erlang", "node", {}), "\"fixed@127.0.0.1\"");
}

TEST_P(FixedPort, ANodeWithoutEpmdSpeaksTls) {
  Authority authority;
  Daemon daemon(epmd_, with_tls(authority.issue("127.0.0.1"), authority));
  ManagedNodes nodes(daemon);
  const auto port = free_port();
  auto how = options(port);
  how.tls = &authority;
  ErlNode node(epmd_, how);
  nodes.bring_up("fixed@127.0.0.1", {{"port", port}, {"tls", true}});
  EXPECT_EQ(run(nodes, "fixed@127.0.0.1", "lists", "seq", {1, 3}), "[1,2,3]");
}

INSTANTIATE_TEST_SUITE_P(Otp, FixedPort, testing::Values(23, 25, 27, 29),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace muster::test
