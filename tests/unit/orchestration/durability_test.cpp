// What is left after a restart, after a cut upload, after requests that met.
#include "base/sha256.h"
#include "catalogue_fixture.h"

namespace muster::orchestration {
namespace {

/// An upload that comes in pieces and may end early.
class Pieces final : public ops::BodySource {
 public:
  explicit Pieces(std::string bytes, bool is_cut = false)
      : bytes_(std::move(bytes)), is_cut_(is_cut) {}
  Task<std::string> next() override {
    constexpr std::size_t piece = 100;
    if (is_cut_ && bytes_.size() <= piece)
      co_return Error(Errc::unavailable, "the sender went away");
    auto taken = bytes_.substr(0, piece);
    bytes_.erase(0, taken.size());
    co_return taken;
  }
  std::optional<std::uint64_t> size() const override { return std::nullopt; }

 private:
  std::string bytes_;
  bool is_cut_;
};

class Durability : public CatalogueTest {
 protected:
  std::size_t files() const {
    std::size_t count = 0;
    for (auto& entry : std::filesystem::directory_iterator(directory))
      count += entry.is_regular_file();
    return count;
  }
  Result<ReleaseView> upload(const std::string& release, Pieces body) {
    ById request{release};
    return wait(releases->upload(std::move(request), admin, body));
  }
};

TEST_F(Durability, AFamilyComesBackAsItWasMade) {
  ok("POST", "/api/orch/providers", {{"name", "here"}, {"type", "local"}});
  ok("POST", "/api/orch/releases", {{"name", "r"}, {"cookie", "sesame"}});
  ok("POST", "/api/orch/node_families", {{"name", "db"}});
  auto made = ok("POST", "/api/orch/node_families", json::parse(R"({
    "name": "shop", "description": "the shop", "release": "r",
    "bootstrap_node_selection": {"node": "shop1@10.0.0.7"}, "bootstrap_strategy": "custom",
    "bootstrap_strategy_opts": {"cmd": "bin/join", "args": ["--quick"]},
    "neighbors": [{"family": "db", "node_selection": "all"}],
    "firewall": [{"protocol": "tcp", "port_from": 80, "port_to": 81}],
    "dist_ports": {"min": 9100, "max": 9110},
    "env": {"API_KEY": "opensesame"}, "variables": {"shards": "16"},
    "domains": [{"provider": "here", "ssh_user": "erl"}]})"));
  EXPECT_EQ(json::serialize(made).find("sesame"), std::string::npos);
  auto cookie = catalogue->family("shop")->cookie;
  start();
  EXPECT_EQ(ok("GET", "/api/orch/node_families/shop"), made);
  auto row = *catalogue->family("shop");
  EXPECT_EQ(row.cookie, cookie);
  EXPECT_EQ(row.env.at("API_KEY").reveal(), "opensesame");
  EXPECT_EQ(row.variables.at("shards").reveal(), "16");
  EXPECT_EQ(row.bootstrap.selection.node, "shop1@10.0.0.7");
  EXPECT_EQ(row.bootstrap.args, std::vector<std::string>{"--quick"});
  EXPECT_EQ(row.neighbors.at(0).bootstrap.selection.kind, Selection::Kind::all);
  EXPECT_EQ(row.domains.at(0).ssh_user, "erl");
  EXPECT_EQ(catalogue->release("r")->cookie->reveal(), "sesame");
}

TEST_F(Durability, NoSecretStandsReadableInTheDatabase) {
  ok("POST", "/api/orch/providers",
     {{"name", "cloud"},
      {"type", "rackspace"},
      {"username", "u"},
      {"password", "sesame-1"},
      {"service_region", "lon"}});
  ok("POST", "/api/orch/releases", {{"name", "r"}, {"cookie", "sesame-2"}});
  ok("POST", "/api/orch/node_families",
     {{"name", "f"}, {"env", {{"A", "sesame-3"}}}, {"variables", {{"b", "sesame-4"}}}});
  auto file = directory / "copy.db";
  auto copy = [&](store::Connection& db) {
    return db.execute("VACUUM INTO '" + file.string() + "'");
  };
  ASSERT_TRUE(wait(database->read(copy)));
  std::ifstream in(file, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  EXPECT_NE(bytes.str().find("rackspace"), std::string::npos);
  EXPECT_EQ(bytes.str().find("sesame"), std::string::npos);
}

TEST_F(Durability, EveryFamilyHasACookieOfItsOwn) {
  ok("POST", "/api/orch/node_families", {{"name", "a"}});
  ok("POST", "/api/orch/node_families", {{"name", "b"}});
  EXPECT_EQ(catalogue->family("a")->cookie.reveal().size(), 32u);
  EXPECT_FALSE(catalogue->family("a")->cookie == catalogue->family("b")->cookie);
}

TEST_F(Durability, NoDomainIsLostOfSomeAddedAtOnce) {
  ok("POST", "/api/orch/providers", {{"name", "here"}, {"type", "local"}});
  ok("POST", "/api/orch/node_families", {{"name", "f"}});
  int done = 0;
  auto add = [&]() -> asio::awaitable<void> {
    AddDomain request;
    request.provider = "here";
    request.family = "f";
    auto added = co_await families->add_domain(std::move(request), admin);
    done += added.has_value();
  };
  for (int i = 0; i < 5; ++i) asio::co_spawn(io, add(), asio::detached);
  io.restart();
  io.run();
  EXPECT_EQ(done, 5);
  EXPECT_EQ(catalogue->family("f")->domains.size(), 5u);
  start();
  EXPECT_EQ(catalogue->family("f")->domains.size(), 5u);
}

TEST_F(Durability, AnArchiveInPiecesHasItsNameOnlyWhenItIsComplete) {
  ok("POST", "/api/orch/releases", {{"name", "r"}});
  auto bytes = packed({{"r/bin/r", "#!/bin/sh\n"}, {"r/etc/vm.args", "-name x\n"}});
  auto cut = upload("r", Pieces(bytes, true));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().errc(), Errc::unavailable);
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(ok("GET", "/api/orch/releases/r").at("state"), "EMPTY");
  auto whole = upload("r", Pieces(bytes));
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_EQ(whole->sha256, sha256_hex(bytes));
  start();
  EXPECT_EQ(catalogue->release("r")->size, bytes.size());
  EXPECT_EQ(catalogue->release("r")->strip_components, 1u);
  EXPECT_EQ(sha256_of_file(catalogue->archive_path(*whole->sha256)).value(), *whole->sha256);
}

TEST_F(Durability, WhatACutUploadLeftIsSweptAway) {
  ok("POST", "/api/orch/releases", {{"name", "r"}});
  ASSERT_TRUE(upload("r", Pieces(packed({{"bin/r", "1"}}))));
  for (auto* name : {"0f.tar.gz", "1f.tar.gz", "98cc7af6.part"})
    std::ofstream(directory / name) << "bytes";
  Catalogue::Uses uses;
  uses.archive = [](const std::string& sha256) {
    return std::string(sha256 == "1f" ? "a node" : "");
  };
  catalogue->set_uses(uses);
  ASSERT_TRUE(wait(releases->sweep()));
  EXPECT_EQ(files(), 2u);
  EXPECT_TRUE(std::filesystem::exists(directory / "1f.tar.gz"));
  EXPECT_TRUE(std::filesystem::exists(catalogue->archive(*catalogue->release("r"))->path));
}

TEST_F(Durability, CloudsAreStoredButNotDeployedOn) {
  ok("POST", "/api/orch/providers",
     {{"name", "cloud"},
      {"type", "rackspace"},
      {"username", "u"},
      {"password", "p"},
      {"service_region", "lon"}});
  auto driver = catalogue->driver(catalogue->provider("cloud")->id);
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().errc(), Errc::unsupported);
  ok("POST", "/api/orch/providers", {{"name", "here"}, {"type", "local"}});
  EXPECT_TRUE(catalogue->driver(catalogue->provider("here")->id));
}

}  // namespace
}  // namespace muster::orchestration
