#include <set>

#include "base/random.h"
#include "catalogue_fixture.h"
#include "ops/openapi.h"
#include "services/orchestration/names.h"

namespace muster::orchestration {
namespace {

class CatalogueOperations : public CatalogueTest {
 protected:
  json::value make_provider() {
    return ok("POST", "/api/orch/providers",
              {{"name", "lab"}, {"type", "physical"}, {"servers", {"10.0.0.1", "10.0.0.2:2222"}}});
  }
  json::value make_release() {
    return ok("POST", "/api/orch/releases", {{"name", "shop"}, {"start_cmd", "bin/shop daemon"}});
  }
  json::value make_family() {
    make_provider();
    make_release();
    return ok("POST", "/api/orch/node_families",
              {{"name", "shops"}, {"release", "shop"}, {"domains", {{{"provider", "lab"}}}}});
  }
};

TEST_F(CatalogueOperations, NamesAreTakenOnce) {
  make_family();
  EXPECT_EQ(refused("POST", "/api/orch/node_families", {{"name", "shops"}}).errc(), Errc::conflict);
  EXPECT_EQ(refused("POST", "/api/orch/releases", {{"name", "shop"}}).errc(), Errc::conflict);
  auto again = refused("POST", "/api/orch/providers",
                       {{"name", "lab"}, {"type", "physical"}, {"servers", {"10.0.0.3"}}});
  EXPECT_EQ(again.errc(), Errc::conflict);
  EXPECT_NE(again.message.find("'lab'"), std::string::npos);
}

TEST_F(CatalogueOperations, WhatIsInUseIsNotDeleted) {
  make_family();
  EXPECT_EQ(refused("DELETE", "/api/orch/providers/lab").errc(), Errc::conflict);
  EXPECT_EQ(refused("DELETE", "/api/orch/releases/shop").errc(), Errc::conflict);
  ok("DELETE", "/api/orch/node_families/shops");
  ok("DELETE", "/api/orch/providers/lab");
  ok("DELETE", "/api/orch/releases/shop");
  EXPECT_TRUE(catalogue->families().empty());
  start();
  EXPECT_TRUE(catalogue->providers().empty());
  EXPECT_TRUE(catalogue->releases().empty());
  EXPECT_TRUE(catalogue->families().empty());
}

TEST_F(CatalogueOperations, NodesKeepTheirFamilyAndItsDomains) {
  auto family = make_family();
  auto busy = [](const std::string&) { return std::string("3 nodes"); };
  catalogue->set_uses({busy, busy, busy, busy, {}, {}});
  auto error = refused("DELETE", "/api/orch/node_families/shops");
  EXPECT_EQ(error.errc(), Errc::conflict);
  EXPECT_NE(error.message.find("3 nodes"), std::string::npos);
  std::string domain(family.at("domains").at(0).at("id").as_string());
  EXPECT_EQ(refused("DELETE", "/api/orch/node_families/shops/domains/" + domain).errc(),
            Errc::conflict);
  catalogue->set_uses({});
  ok("DELETE", "/api/orch/node_families/shops/domains/" + domain);
  EXPECT_TRUE(catalogue->family("shops")->domains.empty());
  EXPECT_EQ(refused("DELETE", "/api/orch/node_families/shops/domains/" + domain).errc(),
            Errc::not_found);
}

TEST_F(CatalogueOperations, WrongMembersAreNamed) {
  make_family();
  auto field = [&](const std::string& path, json::value body) {
    auto error = refused("POST", path, std::move(body));
    EXPECT_TRUE(error.errc() == Errc::bad_request || error.errc() == Errc::not_found)
        << error.text();
    return error.field;
  };
  const std::string families = "/api/orch/node_families";
  EXPECT_EQ(field(families, {{"name", "x"}, {"release", "none such"}}), "/release");
  EXPECT_EQ(field(families, {{"name", "x"}, {"domains", {{{"provider", "none such"}}}}}),
            "/domains/0/provider");
  EXPECT_EQ(field(families, {{"name", "x"}, {"neighbors", {{{"family", "none such"}}}}}),
            "/neighbors/0/family");
  EXPECT_EQ(field(families, {{"name", "x"}, {"dist_ports", {{"min", 9}, {"max", 8}}}}),
            "/dist_ports");
  EXPECT_EQ(field(families, {{"name", "x"}, {"env", {{"RELEASE_COOKIE", "x"}}}}),
            "/env/RELEASE_COOKIE");
  EXPECT_EQ(field(families, {{"name", "x"}, {"variables", {{"node_name", "x"}}}}),
            "/variables/node_name");
  EXPECT_EQ(field(families, {{"name", "x"}, {"bootstrap_strategy", "custom"}}),
            "/bootstrap_strategy_opts");
  EXPECT_EQ(field(families, {{"name", "x"}, {"bootstrap_node_selection", "random"}}),
            "/bootstrap_strategy");
  EXPECT_EQ(field(families, {{"name", "x"}, {"colour", "red"}}), "/colour");
  EXPECT_EQ(field(families + "/shops/firewall",
                  {{{"protocol", "tcp"}, {"port_from", 9}, {"port_to", 8}}}),
            "/firewall/0/port_to");
  EXPECT_EQ(field("/api/orch/releases", {{"name", "x"}, {"templates", {"../../etc/passwd"}}}),
            "/node_name_templates/0");
  EXPECT_EQ(field("/api/orch/releases", {{"name", "x"}, {"cookie", "two words"}}), "/cookie");
  EXPECT_EQ(field("/api/orch/releases", {{"name", "x"}, {"release", "bm8gYXJjaGl2ZQ=="}}),
            "/release");
  EXPECT_EQ(field("/api/orch/providers", {{"name", "x"}}), "/type");
  EXPECT_EQ(field("/api/orch/providers", {{"name", "x"}, {"type", "physical"}}), "/servers");
  EXPECT_EQ(field("/api/orch/providers", {{"name", random_uuid()}, {"type", "local"}}), "/name");
}

TEST_F(CatalogueOperations, ATemplateThatIsNotInTheArchiveIsNamed) {
  auto tarball = ops::base64_encode(packed({{"bin/shop", "x"}}));
  auto error =
      refused("POST", "/api/orch/releases",
              {{"name", "x"}, {"release", tarball}, {"node_name_templates", {"etc/vm.args"}}});
  EXPECT_EQ(error.field, "/node_name_templates");
  EXPECT_NE(error.message.find("etc/vm.args"), std::string::npos);
  for (auto& entry : std::filesystem::directory_iterator(directory))
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
}

TEST_F(CatalogueOperations, AnArchiveIsKeptOnceAndGoesWithItsLastRelease) {
  auto tarball = ops::base64_encode(packed({{"bin/shop", "x"}}));
  auto one = ok("POST", "/api/orch/releases", {{"name", "one"}, {"release", tarball}});
  auto two = ok("POST", "/api/orch/releases", {{"name", "two"}, {"tarball", tarball}});
  EXPECT_EQ(one.at("sha256"), two.at("sha256"));
  auto file = catalogue->archive_path(std::string(one.at("sha256").as_string()));
  ok("DELETE", "/api/orch/releases/one");
  EXPECT_TRUE(std::filesystem::exists(file));
  ok("DELETE", "/api/orch/releases/two");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(CatalogueOperations, AnArchiveCanFollowAndBeReplaced) {
  make_release();
  EXPECT_EQ(ok("GET", "/api/orch/releases/shop").at("state"), "EMPTY");
  EXPECT_EQ(catalogue->archive(*catalogue->release("shop")).error().errc(), Errc::conflict);
  auto put = [&](std::string bytes) {
    ops::Blob blob;
    blob.pieces.push_back(std::move(bytes));
    ops::BlobSource body(std::move(blob));
    return wait(releases->upload(ById{"shop"}, admin, body));
  };
  auto first = put(packed({{"bin/shop", "1"}}));
  ASSERT_TRUE(first) << first.error().text();
  auto second = put(packed({{"bin/shop", "2"}}));
  ASSERT_TRUE(second);
  EXPECT_NE(first->sha256, second->sha256);
  EXPECT_FALSE(std::filesystem::exists(catalogue->archive_path(*first->sha256)));
  EXPECT_FALSE(put("not an archive"));
  EXPECT_EQ(catalogue->release("shop")->sha256, *second->sha256);
}

TEST_F(CatalogueOperations, ABootstrapIsChangedMemberByMember) {
  make_family();
  auto path = "/api/orch/node_families/shops";
  ok("PATCH", path, {{"bootstrap_strategy", "distributed_erlang"}});
  EXPECT_EQ(ok("GET", path).at("node_selection"), "random");
  ok("PATCH", path, {{"bootstrap_node_selection", {{"node", "a1"}}}});
  EXPECT_EQ(catalogue->family("shops")->bootstrap.selection.node, "a1");
  ok("PATCH", path,
     {{"bootstrap_strategy", "custom"},
      {"bootstrap_strategy_opts", {{"cmd", "bin/join"}, {"args", {"-v"}}}}});
  EXPECT_EQ(catalogue->family("shops")->bootstrap.args, std::vector<std::string>{"-v"});
  ok("PATCH", path, {{"bootstrap_strategy", "none"}});
  EXPECT_EQ(ok("GET", path).at("node_selection"), "none");
}

TEST_F(CatalogueOperations, APhysicalProviderShowsNoKeyFile) {
  ok("POST", "/api/orch/providers",
     {{"name", "lab"},
      {"type", "physical"},
      {"servers", {{{"host", "10.0.0.1"}, {"user", "erl"}, {"key", "/secret/folder/id"}}}}});
  auto shown = json::serialize(ok("GET", "/api/orch/providers/lab"));
  EXPECT_EQ(shown.find("/secret/folder"), std::string::npos);
  EXPECT_NE(shown.find("10.0.0.1"), std::string::npos);
  ok("PATCH", "/api/orch/providers/lab", {{"servers", "10.0.0.7 10.0.0.8"}});
  EXPECT_EQ(catalogue->provider("lab")->options.at("servers"), "10.0.0.7 10.0.0.8");
}

TEST_F(CatalogueOperations, AnAddedFamilyIsListedAndCanBeANeighbor) {
  auto job = [](store::Connection& db) {
    return db.execute("INSERT INTO node_families VALUES ('f1', 'riak 1.4.0', 'added', '', 0)");
  };
  ASSERT_TRUE(wait(database->write(job)));
  make_family();
  EXPECT_EQ(ok("GET", "/api/topo/node_families").at("items").as_array().size(), 2u);
  EXPECT_EQ(ok("GET", "/api/topo/node_families/f1").at("origin"), "added");
  ok("PATCH", "/api/orch/node_families/shops", {{"neighbors", {{{"family", "riak 1.4.0"}}}}});
  auto neighbor = catalogue->family("shops")->neighbors.at(0);
  EXPECT_EQ(neighbor.family_id, "f1");
  EXPECT_EQ(neighbor.bootstrap.strategy, Strategy::distributed_erlang);
  EXPECT_EQ(refused("PATCH", "/api/orch/node_families/f1", {{"description", "x"}}).errc(),
            Errc::not_found);
}

TEST_F(CatalogueOperations, ANeighborIsGivenOnceAndThereAreOneHundredAtMost) {
  auto id = id_of(make_family());
  const std::string path = "/api/orch/node_families/shops";
  auto neighbors = [](std::vector<std::string> families) {
    json::array all;
    for (auto& family : families) all.push_back(json::object{{"family", family}});
    return json::value(json::object{{"neighbors", std::move(all)}});
  };
  auto many = refused("PATCH", path, neighbors(std::vector<std::string>(101, "shops")));
  EXPECT_EQ(many.errc(), Errc::bad_request);
  EXPECT_EQ(many.field, "/neighbors");
  auto twice = refused("PATCH", path, neighbors({"shops", id}));
  EXPECT_EQ(twice.errc(), Errc::bad_request);
  EXPECT_EQ(twice.field, "/neighbors/1/family");
  EXPECT_TRUE(catalogue->family("shops")->neighbors.empty());
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) {
    names.push_back("f" + std::to_string(i));
    ok("POST", "/api/orch/node_families", json::object{{"name", names.back()}});
  }
  ok("PATCH", path, neighbors(names));
  EXPECT_EQ(catalogue->family("shops")->neighbors.size(), 100u);
}

TEST_F(CatalogueOperations, AFamilyHasOneThousandDomainsAndVariablesAtMost) {
  make_family();
  const std::string families = "/api/orch/node_families";
  auto field = [&](json::object body) {
    body["name"] = "large";
    auto error = refused("POST", families, std::move(body));
    EXPECT_EQ(error.errc(), Errc::bad_request) << error.text();
    return error.field;
  };
  json::object variables;
  for (int i = 0; i < 1000; ++i) variables["v" + std::to_string(i)] = "x";
  auto more = variables;
  more["one_more"] = "x";
  json::array domains(1000, json::object{{"provider", "lab"}});
  auto more_domains = domains;
  more_domains.push_back(json::object{{"provider", "lab"}});
  EXPECT_EQ(field(json::object{{"env", more}}), "/env");
  EXPECT_EQ(field(json::object{{"variables", more}}), "/variables");
  EXPECT_EQ(field(json::object{{"domains", more_domains}}), "/domains");
  ok("POST", families,
     json::object{
         {"name", "large"}, {"env", variables}, {"variables", variables}, {"domains", domains}});
  auto added = refused("POST", families + "/large/domains", json::object{{"provider", "lab"}});
  EXPECT_EQ(added.errc(), Errc::bad_request);
  EXPECT_EQ(added.field, "/family");
  ok("POST", families + "/shops/domains", json::object{{"provider", "lab"}});
}

TEST_F(CatalogueOperations, OpenApiGivesEveryPathAnIdOfItsOwn) {
  auto document = ops::openapi(*table, {});
  std::set<std::string> ids;
  for (auto& [path, verbs] : document["paths"].as_object())
    for (auto& [verb, operation] : verbs.as_object())
      EXPECT_TRUE(ids.insert(std::string(operation.at("operationId").as_string())).second)
          << verb << ' ' << path;
  EXPECT_GT(ids.size(), 40u);
}

TEST(Names, PathsStayInsideTheRelease) {
  EXPECT_TRUE(check_release_path("etc/vm.args", "/x"));
  EXPECT_TRUE(check_release_path("..args/v..1", "/x"));
  for (auto bad : {"", "/etc/passwd", "etc/", "../x", "a/../../x", "a/..", "a\nb"})
    EXPECT_FALSE(check_release_path(bad, "/x")) << bad;
}

TEST(Selections, AreReadFromBothNotations) {
  auto read = [](etf::Term term) { return ops::read<Selection>(ops::Input(term)); };
  EXPECT_EQ(read(etf::atom("first"))->kind, Selection::Kind::first);
  auto node = read(etf::tuple(etf::atom("node"), etf::binary("a1")));
  EXPECT_EQ(node->kind, Selection::Kind::node);
  EXPECT_EQ(node->node, "a1");
  EXPECT_FALSE(read(etf::atom("second")));
  EXPECT_FALSE(read(etf::tuple(etf::atom("nod"), etf::binary("a1"))));
  auto options = etf::list(etf::tuple(etf::atom("cmd"), etf::binary("bin/join")));
  EXPECT_EQ(ops::read<StrategyOptions>(ops::Input(options))->cmd, "bin/join");
}

}  // namespace
}  // namespace muster::orchestration
