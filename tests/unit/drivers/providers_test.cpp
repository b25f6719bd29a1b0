#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/json.hpp>

#include "drivers/drivers.h"
#include "drivers/physical/servers.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::drivers {
namespace {

namespace json = boost::json;

struct Providers : testing::Test {
  asio::io_context io;
  asio::thread_pool pool{1};
  test::TemporaryFolder temporary;
  const std::filesystem::path directory = temporary.path;
  Hosts hosts{io.get_executor(), pool, Hosts::Settings{directory, {}, false}};

  Result<> check(std::string_view type, std::string_view options) {
    return check_options(**find_provider_type(type), json::parse(options).get_object());
  }
  Result<std::unique_ptr<Driver>> make(std::string_view type, std::string_view options) {
    return make_driver(**find_provider_type(type), json::parse(options).get_object(), hosts);
  }
};

void expect_wrong(const Result<>& result, const std::string& field) {
  ASSERT_FALSE(result) << field;
  EXPECT_EQ(result.error().errc(), Errc::bad_request);
  EXPECT_EQ(result.error().field, field) << result.error().message;
}

TEST(ParseServer, TakesNamesAndAddressesWithAndWithoutPort) {
  EXPECT_EQ(*parse_server("web-1"), (SshTarget{"web-1", 22, {}, {}}));
  EXPECT_EQ(*parse_server("10.0.0.7:2222"), (SshTarget{"10.0.0.7", 2222, {}, {}}));
  EXPECT_EQ(*parse_server("fe80::1"), (SshTarget{"fe80::1", 22, {}, {}}));
  EXPECT_EQ(*parse_server("[fe80::1]:23"), (SshTarget{"fe80::1", 23, {}, {}}));
  EXPECT_EQ(*parse_server("[::1]"), (SshTarget{"::1", 22, {}, {}}));
}

TEST(ParseServer, RefusesWhatIsNone) {
  for (const char* text : {"", ":22", "h:", "h:0", "h:65536", "h:x", "h:2 2", "[::1", "[]:22",
                           "[::1]22", "a b", "-oProxyCommand=x", "h;rm", "h/x", "user@h"})
    EXPECT_FALSE(parse_server(text)) << text;
}

TEST(ParseServers, TakesTextsAndObjects) {
  auto servers = parse_servers(json::parse(R"(["10.0.0.7", "web:2222",
      {"host": "10.0.0.8", "node_host": "web8.example.org", "user": "app", "port": "23", "key": "/k",
       "attributes": {"zone": "b", "cores": 4, "ssd": true}}])"));
  ASSERT_TRUE(servers) << servers.error().message;
  ASSERT_EQ(servers->size(), 3u);
  EXPECT_EQ((*servers)[0].machine.id, "10.0.0.7:22");
  EXPECT_EQ((*servers)[0].machine.node_host, "10.0.0.7");
  EXPECT_EQ((*servers)[1].target.port, 2222);
  EXPECT_EQ((*servers)[2].target, (SshTarget{"10.0.0.8", 23, "app", "/k"}));
  EXPECT_EQ((*servers)[2].machine.node_host, "web8.example.org");
  EXPECT_EQ((*servers)[2].machine.attributes,
            (std::map<std::string, std::string>{{"cores", "4"}, {"ssd", "true"}, {"zone", "b"}}));
}

TEST(ParseServers, TakesOneTextWithSeveral) {
  auto servers = parse_servers("78.47.223.138, 10.0.0.1:24 ::1");
  ASSERT_TRUE(servers) << servers.error().message;
  ASSERT_EQ(servers->size(), 3u);
  EXPECT_EQ((*servers)[1].machine.id, "10.0.0.1:24");
  EXPECT_EQ((*servers)[2].machine.id, "[::1]:22");
}

TEST_F(Providers, NameTheMemberThatIsWrong) {
  expect_wrong(check("physical", R"({})"), "/servers");
  expect_wrong(check("physical", R"({"servers": []})"), "/servers");
  expect_wrong(check("physical", R"({"servers": 7})"), "/servers");
  expect_wrong(check("physical", R"({"servers": ["a", "b:x"]})"), "/servers/1");
  expect_wrong(check("physical", R"({"servers": ["a", "a:22"]})"), "/servers/1");
  expect_wrong(check("physical", R"({"servers": ["a", 1]})"), "/servers/1");
  expect_wrong(check("physical", R"({"servers": [{"host": "a", "port": 70000}]})"),
               "/servers/0/port");
  expect_wrong(check("physical", R"({"servers": [{"host": "a", "prot": 1}]})"), "/servers/0/prot");
  expect_wrong(check("physical", R"({"servers": [{"user": "a"}]})"), "/servers/0/host");
  expect_wrong(check("physical", R"({"servers": [{"host": "a", "node_host": "a@b"}]})"),
               "/servers/0/node_host");
  expect_wrong(check("physical", R"({"servers": [{"host": "a", "key": "k"}]})"), "/servers/0/key");
  expect_wrong(check("physical", R"({"servers": [{"host": "a", "attributes": {"x": []}}]})"),
               "/servers/0/attributes/x");
  expect_wrong(check("physical", R"({"servers": ["a"], "colour": 1})"), "/colour");
  expect_wrong(check("hp", R"({"username": "u"})"), "/password");
  expect_wrong(check("hp", R"({"username": 1})"), "/username");
}

TEST_F(Providers, OfTheListingsCanBeStored) {
  auto type = find_provider_type("virtual", "hp");
  ASSERT_TRUE(type);
  EXPECT_EQ((*type)->name, "hp");
  auto options = json::parse(R"({"username": "u", "password": "p", "tenant_name": "t",
      "auth_url": "https://example.org/v2.0/tokens", "service_region": "region-b.geo-1"})")
                     .get_object();
  EXPECT_TRUE(check_options(**type, options));
  EXPECT_EQ(without_secrets(**type, options).at("password"), "********");
  EXPECT_EQ(without_secrets(**type, options).at("username"), "u");
  auto driver = make_driver(**type, options, hosts);
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().errc(), Errc::unsupported);
}

TEST_F(Providers, OfUnknownTypesAreRefused) {
  auto type = find_provider_type("phisical");
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().field, "/type");
  EXPECT_NE(type.error().message.find("physical, local, "), std::string::npos);
  EXPECT_EQ(find_provider_type("virtual").error().field, "/vprovider");
  EXPECT_EQ(find_provider_type("virtual", "local").error().field, "/vprovider");
  EXPECT_EQ(find_provider_type("physical", "hp").error().field, "/vprovider");
}

TEST_F(Providers, HaveTheMachinesThatTheyWereGiven) {
  auto local = make("local", "{}");
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ((*local)->machines().front().node_host, "127.0.0.1");
  EXPECT_TRUE((*local)->host("local", ""));
  EXPECT_EQ((*local)->host("other", "").error().errc(), Errc::not_found);
  expect_wrong(check("local", R"({"node_host": ""})"), "/node_host");
  EXPECT_EQ(make("local", R"({"folder": "x"})").error().field, "/folder");
  EXPECT_EQ(make("local", R"({"node_host": "a b"})").error().field, "/node_host");
}

TEST_F(Providers, ShareOneHostForOneWayOfEnteringAMachine) {
  auto one = make("physical", R"({"servers": ["10.0.0.7", {"host": "10.0.0.8", "user": "root"}]})");
  auto two = make("physical", R"({"servers": ["10.0.0.7"]})");
  ASSERT_TRUE(one && two);
  auto host = *(*one)->host("10.0.0.7:22", "app");
  EXPECT_EQ(host, *(*two)->host("10.0.0.7:22", "app"));
  EXPECT_NE(host, *(*two)->host("10.0.0.7:22", "other"));
  EXPECT_EQ(*(*one)->host("10.0.0.8:22", "app"), *(*one)->host("10.0.0.8:22", "other"));
  EXPECT_EQ((*two)->host("10.0.0.8:22", "app").error().errc(), Errc::not_found);
}

}  // namespace
}  // namespace muster::drivers
