// What is defined for deployments, through all three doors of a real daemon. The bodies of RELEASE
// D4.3 go out as they are in tests/fixtures/listings, with no more than the token's header added.
#include <gtest/gtest.h>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "process.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using Names = std::map<std::string, std::string>;

constexpr auto as_json = "application/json";

std::string listing(const std::string& file, const Names& names = {}) {
  auto text = read_file(MUSTER_SOURCE_DIR "/tests/fixtures/listings/" + file);
  for (auto& [name, value] : names)
    if (auto at = text.find("$" + name); at != text.npos) text.replace(at, name.size() + 1, value);
  return text;
}

/// A release that has what listing 8 names, packed by tar as a user would.
class Packed {
 public:
  Packed() {
    for (auto* folder : {"riak/etc", "riak/bin"})
      std::filesystem::create_directories(dir_ / folder);
    write_file(dir_ / "riak/etc/vm.args", "-name {{ node_name }}\n");
    write_file(dir_ / "riak/bin/riak", "#!/bin/sh\n");
    run({"tar", "-czf", file(), "-C", dir_.path(), "riak"});
  }
  std::filesystem::path file() const { return dir_ / "riak.tar.gz"; }
  std::string bytes() const { return read_file(file()); }
  std::string base64() const { return run({"base64", "-w0", file()}); }

 private:
  TempDir dir_;
};

class CatalogueDoors : public testing::Test {
 protected:
  json::object post(const std::string& path, const std::string& body, int status) {
    auto reply = daemon.rest_raw("POST", path, body, as_json);
    EXPECT_EQ(reply.status, status) << path << ": " << reply.text;
    return reply.json.is_object() ? reply.json.as_object() : json::object();
  }
  json::object get(const std::string& path) {
    auto reply = daemon.rest("GET", path);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.text;
    return reply.json.is_object() ? reply.json.as_object() : json::object();
  }
  static std::string text(const json::object& object, std::string_view name) {
    auto* value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->as_string()) : "";
  }
  /// The command line with these arguments, its exit code first.
  std::string muster(std::vector<std::string> words) {
    words.insert(words.begin(), muster_binary());
    words.insert(words.end(),
                 {"--url", daemon.url(), "--token-file", daemon.data_dir() / "api.token"});
    Command command;
    command.argv = std::move(words);
    command.output = dir / "muster.out";
    write_file(command.output, "");
    Process process(std::move(command));
    auto code = process.wait(std::chrono::seconds(20));
    return std::to_string(code.value_or(-1)) + " " + process.output();
  }

  TempDir dir;
  Epmd epmd;
  Daemon daemon{epmd};
};

TEST_F(CatalogueDoors, TheListingsBodiesMakeAFamilyStepByStep) {
  Packed riak;
  auto provider = post("/api/orch/providers",
                       listing("05_create_provider.json",
                               {{"USERNAME", "me"}, {"PASSWORD", "sesame"}, {"TENANT_NAME", "t"}}),
                       201);
  EXPECT_EQ(text(provider, "type"), "hp");
  auto release = post("/api/orch/releases",
                      listing("08_create_release.json", {{"RELEASE_BASE64", riak.base64()}}), 201);
  EXPECT_EQ(text(release, "state"), "UPLOADED");
  auto family = post("/api/topo/node_families", listing("09_create_node_family.json"), 201);
  auto path = "/api/orch/node_families/" + text(family, "id");
  post(path + "/release", listing("09_set_release.json", {{"RELEASE_ID", text(release, "uuid")}}),
       200);
  post(path + "/firewall", listing("09_set_firewall.json"), 200);
  post(path + "/domains",
       listing("09_add_domain.json", {{"PROVIDER_ID_EC2", text(provider, "uuid")}}), 201);

  auto deploy = listing("10_deploy_nodes.json", {{"PROVIDER_ID_EC2", text(provider, "uuid")}});
  auto refused = post(path + "/nodes", deploy, 501);  // stored, but nothing drives it yet
  EXPECT_EQ(text(refused, "code"), "unsupported");

  daemon.restart();
  family = get(path);
  EXPECT_EQ(text(family, "release_id"), text(release, "uuid"));
  EXPECT_EQ(family["firewall"].as_array().size(), 5u);
  EXPECT_EQ(family["domains"].as_array().at(0).at("vdisk"), "ami-0cdf4965");
  EXPECT_EQ(get("/api/topo/node_families").at("items").as_array().size(), 1u);
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/providers/HP").status, 409);
}

TEST_F(CatalogueDoors, TheSlidesBodiesMakeAFamilyAtOnce) {
  Packed riak;
  auto provider = post("/api/providers",
                       listing("slides_create_provider.json",
                               {{"EC2_ACCESS_KEY", "key"}, {"EC2_SECRET_KEY", "sesame"}}),
                       201);
  auto release =
      post("/api/releases",
           listing("slides_create_release.json", {{"RELEASE_BASE64", riak.base64()}}), 201);
  auto family =
      post("/api/node_families",
           listing("slides_create_node_family.json",
                   {{"RELEASE_ID", text(release, "id")}, {"PROVIDER_ID", text(provider, "id")}}),
           201);
  EXPECT_EQ(text(family, "release"), "Riak 1.3.1");
  EXPECT_EQ(family["domains"].as_array().at(0).at("ssh_user"), "ubuntu");
  auto nodes = "/api/node_families/" + text(family, "id") + "/nodes";
  EXPECT_EQ(text(post(nodes, listing("slides_deploy_nodes.json"), 501), "code"), "unsupported");
  EXPECT_TRUE(post(nodes + "/start", "{}", 202).at("items").as_array().empty());
}

TEST_F(CatalogueDoors, ChangesOnlyTheMembersGiven) {
  post("/api/orch/node_families",
       R"({"name": "f", "description": "a", "dist_ports": {"min": 1, "max": 2}})", 201);
  auto changed = daemon.rest("PATCH", "/api/orch/node_families/f", {{"description", "b"}});
  ASSERT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(changed.json.at("description"), "b");
  EXPECT_EQ(changed.json.at("dist_ports").at("max"), 2);
}

TEST_F(CatalogueDoors, NothingSecretComesOut) {
  post("/api/orch/providers",
       R"({"name": "r", "type": "rackspace", "username": "u", "password": "sesame-1",
           "service_region": "lon"})",
       201);
  post("/api/orch/releases", R"({"name": "r", "cookie": "sesame-2"})", 201);
  post("/api/orch/node_families",
       R"({"name": "f", "env": {"A": "sesame-3"}, "variables": {"b": "sesame-4"}})", 201);
  std::string all;
  for (auto* path :
       {"/api/orch/providers", "/api/orch/providers/r", "/api/orch/releases",
        "/api/orch/releases/r", "/api/orch/node_families", "/api/orch/node_families/f"})
    all += daemon.rest("GET", path).text;
  EXPECT_EQ(all.find("sesame"), all.npos) << all;
  EXPECT_EQ(all.find(daemon.data_dir().string()), all.npos) << all;
  EXPECT_EQ(daemon.log().find("sesame"), std::string::npos);
  EXPECT_EQ(run({"sh", "-c", "cat '" + daemon.data_dir().string() + "'/muster.db*"}).find("sesame"),
            std::string::npos);
}

TEST_F(CatalogueDoors, AnArchiveIsStreamedAndABadOneRefused) {
  Packed riak;
  post("/api/orch/releases", R"({"name": "riak", "node_name_templates": ["etc/vm.args"]})", 201);
  auto path = "/api/orch/releases/riak/tarball";
  auto bad = daemon.rest_raw("PUT", path, "this is no tar.gz", "application/gzip");
  EXPECT_EQ(bad.status, 400) << bad.text;
  auto good = daemon.rest_raw("PUT", path, riak.bytes(), "application/gzip");
  EXPECT_EQ(good.status, 200) << good.text;
  EXPECT_EQ(get("/api/orch/releases/riak").at("state"), "UPLOADED");
  auto sum = run({"sha256sum", riak.file()}).substr(0, 64);
  EXPECT_EQ(get("/api/orch/releases/riak").at("sha256"), json::value(sum));
  EXPECT_EQ(read_file(daemon.data_dir() / "releases" / (sum + ".tar.gz")), riak.bytes());
  EXPECT_EQ(daemon.rest("DELETE", "/api/orch/releases/riak").status, 200);
  EXPECT_TRUE(std::filesystem::is_empty(daemon.data_dir() / "releases"));
}

TEST_F(CatalogueDoors, WhatAKilledDaemonHalfReceivedIsGoneAfterwards) {
  Packed riak;
  post("/api/orch/releases", R"({"name": "riak"})", 201);
  ASSERT_EQ(
      daemon.rest_raw("PUT", "/api/orch/releases/riak/tarball", riak.bytes(), "application/gzip")
          .status,
      200);
  auto folder = daemon.data_dir() / "releases";
  daemon.kill9();
  write_file(folder / "98cc7af6.part", "the first bytes");
  daemon.start();
  EXPECT_FALSE(std::filesystem::exists(folder / "98cc7af6.part"));
  EXPECT_FALSE(std::filesystem::is_empty(folder));
}

TEST_F(CatalogueDoors, AShellSeesTheSameAsRest) {
  Packed riak;
  ErlNode shell(epmd, {});
  shell.eval("M = '" + daemon.name() +
             "', O = fun(Op, Args) -> rpc:call(M, orchestration, Op, [Args]) end.");
  EXPECT_EQ(shell.eval("{ok, #{type := <<\"local\">>, id := Id}} = O(create_provider, "
                       "#{name => here, type => local}), is_binary(Id)."),
            "true");
  EXPECT_EQ(
      shell.eval("{ok, Bytes} = file:read_file(\"" + riak.file().string() +
                 "\"), {ok, #{state := S, templates := T}} = O(create_release, [{name, \"riak\"}, "
                 "{release, Bytes}, {templates, [\"etc/vm.args\"]}]), {S, T}."),
      "{'UPLOADED',[<<\"etc/vm.args\">>]}");
  EXPECT_EQ(
      shell.eval(
          "{ok, #{node_selection := Sel}} = O(create_node_family, #{name => shop, "
          "release => riak, bootstrap_strategy => distributed_erlang, "
          "bootstrap_node_selection => {node, 'a@b'}, domains => [#{provider => here}]}), Sel."),
      "{node,<<\"a@b\">>}");
  auto family = get("/api/orch/node_families/shop");
  EXPECT_EQ(family["node_selection"], json::value({{"node", "a@b"}}));
  EXPECT_EQ(text(family, "release"), "riak");
  EXPECT_EQ(shell.eval("{error, #{code := C, field := F}} = O(add_domain, #{family => shop, "
                       "provider => nobody}), {C, F}."),
            "{not_found,<<\"/provider\">>}");
  EXPECT_EQ(shell.eval("{ok, #{public_key := Key}} = O(ssh_key, #{}), binary:part(Key, 0, 11)."),
            "<<\"ssh-ed25519\">>");
  EXPECT_EQ(text(get("/api/orch/ssh_key"), "public_key").substr(0, 12), "ssh-ed25519 ");
}

TEST_F(CatalogueDoors, TheCommandLineSeesTheSameAsRest) {
  Packed riak;
  auto made =
      muster({"call", "orchestration.create_release", "name=riak", "start_cmd=bin/riak start"});
  EXPECT_EQ(made.substr(0, 2), "0 ") << made;
  auto uploaded =
      muster({"call", "orchestration.upload_release", "id=riak", "@" + riak.file().string()});
  EXPECT_EQ(uploaded.substr(0, 2), "0 ") << uploaded;
  auto release = get("/api/orch/releases/riak");
  EXPECT_EQ(text(release, "state"), "UPLOADED");
  EXPECT_EQ(text(release, "start_cmd"), "bin/riak start");
  made = muster({"call", "orchestration.create_node_family", "name=shop", "release=riak",
                 R"(dist_ports:={"min": 9100, "max": 9110})"});
  EXPECT_EQ(made.substr(0, 2), "0 ") << made;
  EXPECT_EQ(get("/api/orch/node_families/shop").at("dist_ports"),
            json::value({{"min", 9100}, {"max", 9110}}));
  auto refused = muster({"call", "orchestration.delete_release", "id=riak"});
  EXPECT_EQ(refused.substr(0, 2), "5 ") << refused;
  EXPECT_NE(refused.find("shop"), refused.npos) << refused;
}

TEST_F(CatalogueDoors, WrongMembersAreNamedTheSameEverywhere) {
  ErlNode shell(epmd, {});
  auto reply = daemon.rest("POST", "/api/orch/node_families", {{"name", "f"}, {"colour", "red"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(text(reply.json.as_object(), "code"), "bad_request");
  EXPECT_EQ(text(reply.json.as_object(), "field"), "/colour");
  EXPECT_EQ(
      shell.eval("{error, #{code := C, field := F}} = rpc:call('" + daemon.name() +
                 "', orchestration, create_node_family, [#{name => f, colour => red}]), {C, F}."),
      "{bad_request,<<\"/colour\">>}");
  EXPECT_EQ(
      muster({"call", "orchestration.create_node_family", "name=f", "colour=red"}).substr(0, 2),
      "2 ");
}

}  // namespace
}  // namespace muster::test
