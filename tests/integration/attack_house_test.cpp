// Names, health, certificates and what is kept of commands, when somebody squats or breaks them.
#include <gmock/gmock.h>

#include <fstream>

#include "erl.h"
#include "ports.h"
#include "serve.h"
#include "stranger.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(AttackHouse, ANameThatSomebodyTookAtEpmdDoesNotKeepTheDaemonFromStarting) {
  Epmd epmd;
  auto squat = std::make_unique<Stranger>(epmd.port());
  // ALIVE2_REQ for "muster" on a port that nobody listens on.
  squat->say(std::string("\0\x13x\0\x01M\0\0\x06\0\x05\0\x06muster\0\0", 21));
  ASSERT_TRUE(eventually([&] { return epmd.knows("muster"); }));
  Serve daemon(epmd);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_THAT(daemon.said(), HasSubstr("the name is taken"));
  EXPECT_THAT(daemon.get("/api/health"), HasSubstr("503"));
  EXPECT_THAT(daemon.get("/api/health"), HasSubstr("epmd"));
  EXPECT_THAT(daemon.get("/api/ready"), HasSubstr("200"));
  squat.reset();
  EXPECT_TRUE(eventually([&] { return daemon.get("/api/health").starts_with("200"); }, 20s))
      << daemon.said();
  Serve second(epmd);
  EXPECT_FALSE(second.start()) << "that name has a living daemon of ours";
  EXPECT_THAT(second.said(), HasSubstr("by the node muster@127.0.0.1"));
}

TEST(AttackHouse, HealthTellsStrangersYesOrNoAndSeesAFullDisk) {
  Epmd epmd;
  Serve daemon(epmd);
  fs::create_directory(daemon.data());
  try {
    run({"mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", daemon.data()});
  } catch (const std::exception&) {
    GTEST_SKIP() << "no file system can be mounted here";
  }
  struct Unmount {
    fs::path folder;
    ~Unmount() { run({"umount", "-l", folder}); }
  } unmount{daemon.data()};
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_EQ(daemon.get("/api/health", false), R"(200 {"status":"ok"})");
  EXPECT_EQ(daemon.get("/api/ready", false), R"(200 {"status":"ok"})");
  EXPECT_THAT(daemon.get("/api/health"), HasSubstr("\"version\""));
  {
    std::ofstream filler(daemon.data() / "filler", std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), 4096).flush()) continue;
  }
  EXPECT_THAT(daemon.get("/api/health"), HasSubstr("the disk of the data directory is full"));
  const auto anonymous = daemon.get("/api/health", false);
  EXPECT_THAT(anonymous, testing::StartsWith("503"));
  EXPECT_THAT(anonymous, Not(HasSubstr("disk")));
  for (int i = 0; i < 50; ++i)
    daemon.rest("POST", "/api/tokens", {{"name", "t" + std::to_string(i)}, {"role", "viewer"}});
  fs::remove(daemon.data() / "filler");
  EXPECT_TRUE(eventually([&] { return daemon.get("/api/health").starts_with("200"); }, 20s))
      << daemon.get("/api/health");
}

TEST(AttackHouse, SighupReadsCertificatesAgainAndABrokenOneChangesNothing) {
  Authority old_authority, new_authority;
  Epmd epmd;
  Serve daemon(epmd);
  TempDir dir;
  auto install = [&](const Authority& authority) {
    auto identity = authority.issue("127.0.0.1");
    fs::copy_file(identity.certificate, dir / "c.pem", fs::copy_options::overwrite_existing);
    fs::copy_file(identity.key, dir / "k.pem", fs::copy_options::overwrite_existing);
  };
  install(old_authority);
  write_file(dir / "muster.toml", "log_level = \"info\"\n[http]\ncertificate = \"" +
                                      (dir / "c.pem").string() + "\"\nkey = \"" +
                                      (dir / "k.pem").string() + "\"\n");
  ASSERT_TRUE(daemon.start({"--config", dir / "muster.toml"})) << daemon.log();
  auto is_trusted_by = [&](const Authority& authority) {
    try {
      run({"curl", "-s", "--noproxy", "*", "--cacert", authority.certificate(),
           "https://127.0.0.1:" + std::to_string(daemon.port()) + "/api/health"});
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  EXPECT_TRUE(is_trusted_by(old_authority));
  write_file(dir / "c.pem", "nonsense");
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(
      eventually([&] { return daemon.said().find("stays the old one") != std::string::npos; }));
  EXPECT_TRUE(is_trusted_by(old_authority));
  install(new_authority);
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return is_trusted_by(new_authority); })) << daemon.said();
  EXPECT_FALSE(is_trusted_by(old_authority));
  EXPECT_FALSE(daemon.has_ended());
}

TEST(AttackHouse, SighupReadsTheCertificateOfDistributionAndTheLogLevelAgain) {
  Authority old_authority, new_authority;
  Epmd epmd;
  Serve daemon(epmd);
  TempDir dir;
  const auto port = std::to_string(free_port());
  auto install = [&](const Authority& authority) {
    auto identity = authority.issue("127.0.0.1");
    fs::copy_file(identity.certificate, dir / "c.pem", fs::copy_options::overwrite_existing);
    fs::copy_file(identity.key, dir / "k.pem", fs::copy_options::overwrite_existing);
    fs::copy_file(authority.certificate(), dir / "ca.pem", fs::copy_options::overwrite_existing);
  };
  auto configure = [&](const std::string& level) {
    write_file(dir / "muster.toml",
               "log_level = \"" + level + "\"\n[distribution]\nport_min = " + port +
                   "\nport_max = " + port + "\ncertificate = \"" + (dir / "c.pem").string() +
                   "\"\nkey = \"" + (dir / "k.pem").string() + "\"\nca = \"" +
                   (dir / "ca.pem").string() + "\"\n");
  };
  auto is_shown = [&](const Authority& authority) {
    auto said = run({"sh", "-c",
                     "openssl s_client -connect 127.0.0.1:" + port + " -CAfile '" +
                         authority.certificate().string() + "' </dev/null 2>&1 || true"});
    return said.find("Verify return code: 0") != std::string::npos ||
           said.find("Verification: OK") != std::string::npos;
  };
  auto count = [&](const std::string& text) {
    const auto said = daemon.said();
    int found = 0;
    for (auto at = said.find(text); at != said.npos; at = said.find(text, at + 1)) ++found;
    return found;
  };
  install(old_authority);
  configure("info");
  ASSERT_TRUE(daemon.start({"--config", dir / "muster.toml"})) << daemon.log();
  EXPECT_TRUE(is_shown(old_authority));
  install(new_authority);
  configure("error");
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return is_shown(new_authority); })) << daemon.said();
  EXPECT_FALSE(is_shown(old_authority));
  EXPECT_EQ(count("SIGHUP"), 1);
  write_file(dir / "c.pem", "nonsense");
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return count("stays the old one") == 1; })) << daemon.said();
  EXPECT_TRUE(is_shown(new_authority));
  EXPECT_EQ(count("SIGHUP"), 1) << "that is no error, and only those are logged now";
  EXPECT_FALSE(daemon.has_ended());
}

TEST(AttackHouse, CommandsAreSealedAtRest) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  Serve daemon(epmd);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  daemon.rest("POST", "/api/actions/add-node", {{"name", erl.name()}, {"cookie", "cookie"}});
  json::object command{{"module", "erlang"},
                       {"function", "list_to_tuple"},
                       {"args", json::array{json::array{"open-sesame-please"}}},
                       {"nodes", json::array{erl.name()}}};
  HttpReply reply;
  EXPECT_TRUE(eventually([&] {
    reply = daemon.rest("POST", "/api/commands", command);
    return reply.text.find("\"value\"") != std::string::npos;
  })) << reply.text;
  const auto id = std::string(reply.json.at("id").as_string());
  EXPECT_THAT(daemon.get("/api/commands/" + id), HasSubstr("open-sesame-please"));
  EXPECT_EQ(run({"sh", "-c", "cat '" + daemon.data().string() + "'/muster.db*"})
                .find("open-sesame-please"),
            std::string::npos);
}

}  // namespace
}  // namespace muster::test
