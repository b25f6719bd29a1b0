#include "app/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/support/temporary_folder.h"

namespace muster::app {
namespace {

class ConfigFile : public testing::Test {
 protected:
  Result<> read(const std::string& text) {
    std::ofstream(file) << text;
    return read_config(file, config);
  }
  std::string problem(const std::string& text) {
    auto result = read(text);
    return result ? "none" : result.error().message.substr(file.string().size() + 2);
  }
  test::TemporaryFolder folder;
  const std::filesystem::path file = folder.path / "muster.toml";
  Config config;
};

TEST_F(ConfigFile, TunesBuiltInAlarms) {
  auto result = read(R"(
[alarms.process_limit]
raise = [80, 90.5]
hold = 10
[alarms.old_code]
enabled = false
[alarms.atom_growth]
raise = 20000
)");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(config.alarms.at("process_limit").raise, (std::vector<double>{80, 90.5}));
  EXPECT_EQ(config.alarms.at("process_limit").hold, 10U);
  EXPECT_EQ(config.alarms.at("old_code").enabled, false);
  EXPECT_EQ(config.alarms.at("atom_growth").raise, std::vector<double>{20000});
  EXPECT_EQ(problem("alarms.x = 1"), "unknown key 'alarms.x'");
  EXPECT_EQ(problem("[alarms.old_code]\nlevel = 1"), "unknown key 'alarms.old_code.level'");
  EXPECT_EQ(problem("[alarms.old_code]\nenabled = 1"),
            "alarms.old_code.enabled wants true or false");
  EXPECT_EQ(problem("[alarms.node_down]\nhold = \"1m\""),
            "alarms.node_down.hold wants a number from 0 to 86400");
  EXPECT_EQ(problem("[alarms.atom_growth]\nraise = [\"x\"]"),
            "alarms.atom_growth.raise wants a number, or [NUMBER, NUMBER, …]");
  EXPECT_EQ(problem("[alarms.nobody]\nhold = 1"), "alarms.nobody: no built-in rule has this name");
}

TEST_F(ConfigFile, SetsWhatItNamesAndKeepsTheRest) {
  auto result = read(R"(
name = "muster@10.0.0.7"
[http]
listen = "[::1]:9000"
[distribution]
port_min = 9100
down_after = 120
)");
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(config.name, "muster@10.0.0.7");
  EXPECT_EQ(config.http.listen.address, "::1");
  EXPECT_EQ(config.http.listen.port, 9000);
  EXPECT_EQ(config.distribution.port_min, 9100);
  EXPECT_EQ(config.distribution.down_after, std::chrono::seconds(120));
  EXPECT_EQ(config.distribution.probe_after, std::chrono::seconds(30));
}

TEST_F(ConfigFile, NamesTheKeyThatIsWrong) {
  EXPECT_EQ(problem("nmae = 'x'"), "unknown key 'nmae'");
  EXPECT_EQ(problem("[http]\nlisten = 8080"), "http.listen wants HOST:PORT");
  EXPECT_EQ(problem("[http]\nport = 8080"), "unknown key 'http.port'");
  EXPECT_EQ(problem("http = 1"), "http wants to be a table");
  EXPECT_EQ(problem("[distribution]\nport_min = 70000"),
            "distribution.port_min wants a number from 0 to 65535");
  EXPECT_EQ(problem("[ssh]\nhost_keys = 'no'"), "ssh.host_keys wants one of accept-new, strict");
}

// Such a daemon called nodes silent before it had asked them.
TEST_F(ConfigFile, RefusesToCountNodesDownBeforeTheyAreAsked) {
  EXPECT_EQ(problem("[distribution]\nprobe_after = 40\ndown_after = 40"),
            "distribution.down_after (40 s) must be longer than distribution.probe_after (40 s)");
  config = {};
  EXPECT_EQ(problem("[distribution]\ndown_after = 20"),
            "distribution.down_after (20 s) must be longer than distribution.probe_after (30 s)");
  config = {};
  EXPECT_EQ(problem("[distribution]\nprobe_after = 60"),
            "distribution.down_after (60 s) must be longer than distribution.probe_after (60 s)");
  config = {};
  EXPECT_EQ(problem("[distribution]\nprobe_after = 10\ndown_after = 20"), "none");
}

TEST_F(ConfigFile, SaysTheLineOfASyntaxError) {
  auto result = read("name = 'x'\nlog_level = \n");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find(file.string() + ":2"), std::string::npos);
}

TEST_F(ConfigFile, TheHomeCookieHasTheRoleThatItIsGiven) {
  EXPECT_EQ(problem(""), "none");
  EXPECT_EQ(config.distribution.home_cookie, Role::none);
  EXPECT_EQ(problem("[distribution]\nhome_cookie = 'operator'"), "none");
  EXPECT_EQ(config.distribution.home_cookie, Role::operator_);
  EXPECT_EQ(problem("[distribution]\nhome_cookie = 'root'"),
            "distribution.home_cookie wants one of none, viewer, operator, admin");
}

TEST(Endpoint, IsHostAndPort) {
  EXPECT_EQ(parse_endpoint(":0")->address, "0.0.0.0");
  EXPECT_FALSE(parse_endpoint("8080"));
  EXPECT_FALSE(parse_endpoint("host:"));
  EXPECT_FALSE(parse_endpoint("host:99999"));
  EXPECT_FALSE(parse_endpoint("::1:80"));
}

}  // namespace
}  // namespace muster::app
