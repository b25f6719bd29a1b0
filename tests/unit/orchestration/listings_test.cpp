#include "catalogue_fixture.h"

namespace muster::orchestration {
namespace {

class Listings : public CatalogueTest {
 protected:
  std::string riak =
      packed({{"riak/etc/vm.args", "-name {{ node_name }}\n"}, {"riak/bin/riak", "#!/bin/sh\n"}});
  std::map<std::string, std::string> ids{{"RELEASE_BASE64", ops::base64_encode(riak)}};
};

TEST_F(Listings, FiveCreatesACloudProviderAndGivesNoPasswordBack) {
  auto reply = ok("POST", "/api/orch/providers",
                  listing("05_create_provider", {{"PASSWORD", "sesame"}, {"TENANT_NAME", "acme"}}));
  EXPECT_EQ(reply.at("name"), "HP");
  EXPECT_EQ(reply.at("type"), "hp");
  EXPECT_EQ(reply.at("uuid"), reply.at("id"));
  EXPECT_EQ(reply.at("can_deploy"), false);
  EXPECT_EQ(reply.at("opts").at("tenant_name"), "acme");
  EXPECT_EQ(json::serialize(reply).find("sesame"), std::string::npos);
  auto listed = ok("GET", "/api/orch/providers");
  EXPECT_EQ(listed.at("items").as_array().size(), 1u);
  EXPECT_EQ(json::serialize(listed).find("sesame"), std::string::npos);
}

TEST_F(Listings, EightUploadsARelease) {
  auto reply = ok("POST", "/api/orch/releases", listing("08_create_release", ids));
  EXPECT_EQ(reply.at("state"), "UPLOADED");
  EXPECT_EQ(reply.at("templates"), json::array{"etc/vm.args"});
  EXPECT_EQ(reply.at("start_cmd"), "bin/riak start");
  EXPECT_FALSE(reply.as_object().contains("cookie"));
  EXPECT_FALSE(reply.as_object().contains("path"));
  auto release = catalogue->release(id_of(reply));
  EXPECT_EQ(release->strip_components, 1u);
  EXPECT_EQ(release->cookie->reveal(), "riak");
  auto file = catalogue->archive(*release);
  EXPECT_EQ(std::filesystem::file_size(file->path), riak.size());
}

TEST_F(Listings, NineMakesAFamilyStepByStep) {
  ids["PROVIDER_ID_EC2"] = id_of(ok("POST", "/api/providers", listing("slides_create_provider")));
  ids["RELEASE_ID"] = id_of(ok("POST", "/api/orch/releases", listing("08_create_release", ids)));
  auto family = ok("POST", "/api/topo/node_families", listing("09_create_node_family"));
  EXPECT_EQ(family.at("node_selection"), "random");
  EXPECT_EQ(family.at("bootstrap_strategy"), "custom");
  EXPECT_EQ(family.at("bootstrap_strategy_opts").at("cmd"), "bin/bootstrap");
  EXPECT_EQ(family.at("neighbors"), json::array());
  auto path = "/api/orch/node_families/" + id_of(family);
  ok("POST", path + "/release", listing("09_set_release", ids));
  auto rules = ok("POST", path + "/firewall", listing("09_set_firewall")).at("firewall");
  EXPECT_EQ(rules.as_array().size(), 5u);
  EXPECT_EQ(rules.at(4).at("port_to"), 7999);
  auto domain = ok("POST", path + "/domains", listing("09_add_domain", ids));
  EXPECT_EQ(domain.at("ssh_user"), "ubuntu");
  EXPECT_EQ(domain.at("provider"), "EC2");
  auto shown = ok("GET", path);
  EXPECT_EQ(shown.at("release"), "Riak Linux 64-bit");
  EXPECT_EQ(shown.at("domains").as_array().size(), 1u);
}

TEST_F(Listings, TheSlidesShorterBodiesWorkToo) {
  auto provider = ok("POST", "/api/providers", listing("slides_create_provider"));
  EXPECT_EQ(provider.at("type"), "ec2");
  ids["PROVIDER_ID"] = id_of(provider);
  ids["RELEASE_ID"] = id_of(ok("POST", "/api/releases", listing("slides_create_release", ids)));
  auto family = ok("POST", "/api/node_families", listing("slides_create_node_family", ids));
  EXPECT_EQ(family.at("bootstrap_strategy"), "custom");
  EXPECT_EQ(family.at("domains").at(0).at("vdisk"), "ami-foobar");
  EXPECT_EQ(family.at("firewall").as_array().size(), 2u);
}

TEST_F(Listings, EverythingIsThereAfterARestart) {
  ids["PROVIDER_ID"] = id_of(ok("POST", "/api/providers", listing("slides_create_provider")));
  ids["RELEASE_ID"] = id_of(ok("POST", "/api/orch/releases", listing("08_create_release", ids)));
  auto body = listing("slides_create_node_family", ids).at("node_family").as_object();
  body["env"] = {{"RIAK_PASSWORD", "sesame"}};
  body["variables"] = {{"ring_size", "64"}};
  body["dist_ports"] = {{"min", 6000}, {"max", "7999"}};
  auto family = ok("POST", "/api/node_families", body);
  auto provider = ok("GET", "/api/providers/EC2");
  auto release = ok("GET", "/api/releases/" + ids["RELEASE_ID"]);
  EXPECT_EQ(json::serialize(family).find("sesame"), std::string::npos);
  start();
  EXPECT_EQ(ok("GET", "/api/node_families/Riak"), family);
  EXPECT_EQ(ok("GET", "/api/providers/EC2"), provider);
  EXPECT_EQ(ok("GET", "/api/releases/" + ids["RELEASE_ID"]), release);
  EXPECT_EQ(catalogue->family("Riak")->env.at("RIAK_PASSWORD").reveal(), "sesame");
  EXPECT_EQ(catalogue->provider("EC2")->options.at("password"), "$EC2_SECRET_KEY");
  EXPECT_EQ(catalogue->release(ids["RELEASE_ID"])->cookie->reveal(), "riak");
}

}  // namespace
}  // namespace muster::orchestration
