// Which cookie is whose: the daemon's own, that of the home, one that is lost.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "erl.h"
#include "ports.h"
#include "serve.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What a managed node may do that knows ~/.erlang.cookie, and no other.
TEST(AttackCookies, TheHomeCookieIsOfTheRoleThatTheConfigurationSays) {
  Epmd epmd;
  struct Case {
    std::string role, may_look, may_make;
  };
  for (auto& [role, may_look, may_make] : {Case{"none", "error", "error"},
                                           {"viewer", "ok", "error"},
                                           {"operator", "ok", "error"},
                                           {"admin", "ok", "ok"}}) {
    SCOPED_TRACE(role);
    Serve daemon(epmd);
    TempDir dir;
    write_file(daemon.home() / ".erlang.cookie", "shared", 0400);
    write_file(dir / "muster.toml", "[distribution]\nhome_cookie = \"" + role + "\"\n");
    ASSERT_TRUE(daemon.start({"--config", dir / "muster.toml"})) << daemon.log();
    auto options = named("neighbour@127.0.0.1");
    options.cookie = "shared";  // in ~/.erlang.cookie of that node, too
    ErlNode neighbour(epmd, options);
    daemon.rest("POST", "/api/actions/add-node", {{"name", neighbour.name()}});
    EXPECT_TRUE(eventually([&] {
      return daemon.get("/api/topo/nodes/" + neighbour.name()).find("\"UP\"") != std::string::npos;
    })) << daemon.log();
    EXPECT_THAT(daemon.get("/api/topo/nodes/" + neighbour.name()),
                HasSubstr("\"role\":\"" + role + "\""));
    const auto call = [&](const std::string& what) {
      return neighbour.eval("element(1, rpc:call('" + daemon.name() + "', " + what + "))");
    };
    EXPECT_EQ(call("topology, list_nodes, [#{}]"), may_look);
    EXPECT_EQ(call("muster, add_token, [#{name => <<\"t\">>, role => viewer}]"), may_make);
    ASSERT_TRUE(daemon.stop());
    EXPECT_TRUE(eventually([&] { return !epmd.knows("muster"); }));
  }
}

TEST(AttackCookies, ALostCookieIsNotReplacedByTheHomeCookie) {
  Epmd epmd;
  Serve daemon(epmd);
  write_file(daemon.home() / ".erlang.cookie", "shared", 0400);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  ASSERT_TRUE(daemon.stop());
  const auto file = daemon.data() / "cookie";
  const auto cookie = read_file(file);
  fs::remove(file);
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("the daemon's own cookie is lost"));
  EXPECT_FALSE(fs::exists(file));
  EXPECT_FALSE(epmd.knows("muster"));
  write_file(file, cookie, 0600);
  EXPECT_TRUE(daemon.start()) << daemon.said();
}

// It came by --cookie-file, and whoever forgot that option gave the daemon to ~/.erlang.cookie.
TEST(AttackCookies, AGivenCookieIsNotReplacedByTheHomeCookieEither) {
  Epmd epmd;
  Serve daemon(epmd);
  const auto given = daemon.home() / "given";
  write_file(given, "given", 0600);
  write_file(daemon.home() / ".erlang.cookie", "shared", 0400);
  ASSERT_TRUE(daemon.start({"--cookie-file", given})) << daemon.log();
  ASSERT_TRUE(daemon.stop());
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("or by --cookie-file, and now there is neither"));
  EXPECT_TRUE(daemon.start({"--cookie-file", given})) << daemon.said();
}

TEST(AttackCookies, TheDaemonHasACookieOfItsOwnAndTheHomeCookieMayNothing) {
  Epmd epmd;
  Serve daemon(epmd);
  write_file(daemon.home() / ".erlang.cookie", "shared", 0400);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const auto file = daemon.data() / "cookie";
  EXPECT_EQ(mode_of(file), 0600u);
  auto cookie = read_file(file);
  while (cookie.ends_with('\n')) cookie.pop_back();
  EXPECT_EQ(cookie.size(), 40u);

  auto options = named("shell@127.0.0.1");
  options.hidden = true;
  options.cookie = cookie;
  const auto call = "element(1, rpc:call('" + daemon.name() + "', topology, list_nodes, [#{}]))";
  {
    ErlNode shell(epmd, options);
    EXPECT_EQ(shell.eval(call), "ok");
  }
  options.cookie = "shared";
  options.name = "neighbour@127.0.0.1";
  ErlNode neighbour(epmd, options);
  EXPECT_NE(neighbour.eval(call), "ok");
  // Nodes without a cookie of their own are dialled with the home cookie, and may still nothing.
  daemon.rest("POST", "/api/actions/add-node", {{"name", neighbour.name()}});
  EXPECT_TRUE(eventually([&] {
    return daemon.get("/api/topo/nodes/" + neighbour.name()).find("\"UP\"") != std::string::npos;
  })) << daemon.log();
  EXPECT_NE(neighbour.eval(call), "ok");

  daemon.kill9();
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_EQ(read_file(file), cookie + "\n");
}

TEST(AttackCookies, NoErlangCookieIsNoError) {
  Epmd epmd;
  Serve daemon(epmd);
  EXPECT_TRUE(daemon.start()) << daemon.log();
}

TEST(AttackCookies, ADirectoryOfBeforeKeepsItsCookieAndSaysSo) {
  Epmd epmd;
  Serve daemon(epmd);
  fs::create_directory(daemon.data());
  ::chmod(daemon.data().c_str(), 0700);
  write_file(daemon.data() / "muster.db", "", 0600);  // one that knows of no own cookie
  write_file(daemon.home() / ".erlang.cookie", "shared", 0400);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_THAT(daemon.said(), HasSubstr("no cookie of its own"));
  ASSERT_TRUE(daemon.stop());
  ASSERT_TRUE(daemon.start()) << daemon.said();
  EXPECT_THAT(daemon.said(), HasSubstr("no cookie of its own")) << "at every start";
  auto options = named("shell@127.0.0.1");
  options.cookie = "shared";
  ErlNode shell(epmd, options);
  EXPECT_EQ(
      shell.eval("element(1, rpc:call('" + daemon.name() + "', topology, list_nodes, [#{}]))"),
      "ok");
  EXPECT_FALSE(fs::exists(daemon.data() / "cookie"));
}

}  // namespace
}  // namespace muster::test
