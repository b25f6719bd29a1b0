// What becomes of the daemon's own house: its data directory, cookie, key, name and certificates,
// when somebody copies, loses, squats or breaks them.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "http.h"
#include "ports.h"
#include "stranger.h"
#include "temp_dir.h"
#include "tls.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// `muster serve`, which may well not start, in a home of its own.
class Serve {
 public:
  explicit Serve(const Epmd& epmd, std::string name = "muster@127.0.0.1")
      : epmd_(epmd), name_(std::move(name)), port_(free_port()) {
    fs::create_directory(home());
  }
  fs::path home() const { return dir_ / "home"; }
  fs::path data() const { return data_.empty() ? dir_ / "data" : data_; }
  void use(fs::path data) { data_ = std::move(data); }
  std::string log() const { return read_file(dir_ / "log"); }
  Process& process() { return *process_; }

  /// True when it is ready.
  bool start(std::vector<std::string> args = {}, std::map<std::string, std::string> env = {}) {
    process_.reset();
    Command command;
    command.argv = {muster_binary(), "serve", "--name", name_,
                    "--data-dir",    data(),  "--http", "127.0.0.1:" + std::to_string(port_)};
    command.argv.insert(command.argv.end(), args.begin(), args.end());
    command.env = std::move(env);
    command.env.insert({{"ERL_EPMD_PORT", epmd_.port_text()}, {"HOME", home()}});
    command.output = dir_ / "log";
    began_ = log().size();
    process_ = std::make_unique<Process>(std::move(command));
    auto settled = [&] { return said().find("muster: ready") != said().npos || has_ended(); };
    return eventually(settled, 30s) && !has_ended();
  }
  /// Of this start.
  std::string said() const { return log().substr(began_); }
  bool has_ended() { return !process_->is_running(); }
  void kill9() {
    process_->signal(SIGKILL);
    process_->wait(10s);
  }
  bool stop() {
    process_->signal(SIGTERM);
    return process_->wait(10s) == 0;
  }
  /// With the admin token, or without.
  HttpReply rest(const std::string& method, const std::string& path,
                 const json::value& body = nullptr, bool with_token = true) const {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(port_) + path;
    auto token = read_file(data() / "api.token");
    while (token.ends_with('\n')) token.pop_back();
    if (with_token) request.headers = {"Authorization: Bearer " + token};
    if (!body.is_null()) {
      request.headers.push_back("Content-Type: application/json");
      request.body = json::serialize(body);
    }
    return http(request);
  }
  std::string get(const std::string& path, bool with_token = true) const {
    auto reply = rest("GET", path, nullptr, with_token);
    return std::to_string(reply.status) + " " + reply.text;
  }
  std::string name() const { return name_; }
  std::uint16_t port() const { return port_; }

 private:
  const Epmd& epmd_;
  TempDir dir_;
  std::string name_;
  std::uint16_t port_;
  fs::path data_;
  std::size_t began_ = 0;
  std::unique_ptr<Process> process_;
};

mode_t mode_of(const fs::path& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

TEST(AttackDataDir, TwoDaemonsDoNotWorkInOneDirectory) {
  Epmd epmd;
  Serve first(epmd), second(epmd, "other@127.0.0.1");
  ASSERT_TRUE(first.start()) << first.log();
  second.use(first.data());
  const auto url = read_file(first.data() / "api.url");
  EXPECT_FALSE(second.start());
  EXPECT_THAT(second.said(),
              HasSubstr("is in use by process " + std::to_string(first.process().pid())));
  EXPECT_THAT(second.said(), HasSubstr(first.data().string()));
  EXPECT_FALSE(epmd.knows("other"));
  EXPECT_EQ(read_file(first.data() / "api.url"), url);
  first.kill9();
  EXPECT_TRUE(second.start()) << "the lock goes with its process: " << second.said();
}

TEST(AttackDataDir, ARestoredCopyKeepsItsHandsOffTheAgentsOfTheLivingDaemon) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  Serve living(epmd), copy(epmd, "copy@127.0.0.1");
  ASSERT_TRUE(living.start()) << living.log();
  auto lacking = [&](Serve& daemon) {
    auto node = daemon.rest("GET", "/api/topo/nodes/" + erl.name()).json;
    if (!node.is_object() || node.at("state") != json::value("UP")) return std::string("not UP");
    auto* lacks = node.as_object().if_contains("agents_lacking");
    return lacks ? json::serialize(*lacks) : std::string("nothing");
  };
  ASSERT_EQ(
      living.rest("POST", "/api/actions/add-node", {{"name", erl.name()}, {"cookie", "cookie"}})
          .status,
      201);
  auto has_agents = [&](Serve& daemon) {
    auto of_us =
        "[P || P <- [whereis(N) || N <- registered(), "
        "lists:prefix(\"muster_agent_\", atom_to_list(N))], lists:member('" +
        daemon.name() +
        "', [node(M) || {process, M} <- element(2, process_info(P, monitors)), is_pid(M)])]";
    return erl.eval("length(" + of_us + ") >= 3") == "true";
  };
  ASSERT_TRUE(eventually([&] { return has_agents(living); }, 30s)) << living.log();
  run({"cp", "-a", living.data(), copy.data()});

  ASSERT_TRUE(copy.start()) << copy.log();
  EXPECT_TRUE(
      eventually([&] { return lacking(copy).find(living.name()) != std::string::npos; }, 30s))
      << lacking(copy);
  EXPECT_THAT(lacking(copy), HasSubstr("another installation"));
  EXPECT_THAT(copy.said(), HasSubstr("--take-over"));
  EXPECT_TRUE(has_agents(living));
  EXPECT_FALSE(has_agents(copy));

  ASSERT_TRUE(copy.stop());
  ASSERT_TRUE(copy.start({"--take-over"})) << copy.log();
  EXPECT_TRUE(eventually([&] { return has_agents(copy); }, 30s)) << copy.said();
  EXPECT_TRUE(
      eventually([&] { return lacking(living).find(copy.name()) != std::string::npos; }, 30s))
      << lacking(living);
  EXPECT_EQ(lacking(copy), "nothing");
  EXPECT_FALSE(has_agents(living));

  // The one that stays has them again, also after a restart: nobody is locked out.
  ASSERT_TRUE(copy.stop());
  EXPECT_TRUE(eventually([&] { return has_agents(living); }, 40s)) << living.said();
  living.kill9();
  ASSERT_TRUE(living.start());
  EXPECT_TRUE(eventually([&] { return has_agents(living); }, 40s)) << living.said();
}

TEST(AttackDataDir, AFolderThatIsNotOursIsRefusedAndStaysAsItIs) {
  Epmd epmd;
  Serve daemon(epmd);
  TempDir others;
  write_file(others / "letter", "dear");
  daemon.use(others.path());
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("no data directory"));
  EXPECT_EQ(mode_of(others.path()), 0755u);
  EXPECT_EQ(std::distance(fs::directory_iterator(others.path()), fs::directory_iterator()), 1);
}

TEST(AttackDataDir, WhatIsKeptIsItsOwnersAlone) {
  Epmd epmd;
  ErlNode erl(epmd, {});
  Serve daemon(epmd);
  ::umask(0);
  const bool started = daemon.start();
  ::umask(022);
  ASSERT_TRUE(started) << daemon.log();
  daemon.rest("POST", "/api/actions/add-node", {{"name", erl.name()}, {"cookie", "cookie"}});
  daemon.rest("GET", "/api/orch/ssh_key");
  EXPECT_TRUE(eventually([&] {
    return !fs::is_empty(daemon.data() / "notifications") &&
           !fs::is_empty(daemon.data() / "metrics");
  }));
  for (auto& entry : fs::recursive_directory_iterator(daemon.data()))
    EXPECT_EQ(mode_of(entry.path()) & 077, 0u) << entry.path();
}

/// What a managed node may do that knows ~/.erlang.cookie, and no other.
TEST(AttackDataDir, TheHomeCookieIsOfTheRoleThatTheConfigurationSays) {
  Epmd epmd;
  struct Case {
    std::string role, may_look, may_make;
  };
  for (auto& [role, may_look, may_make] :
       {Case{"none", "error", "error"}, {"viewer", "ok", "error"}, {"admin", "ok", "ok"}}) {
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

TEST(AttackDataDir, TheAddressOfADaemonThatHasStoppedIsNotLeftBehind) {
  Epmd epmd;
  Serve daemon(epmd);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_THAT(read_file(daemon.data() / "api.url"), HasSubstr(std::to_string(daemon.port())));
  ASSERT_TRUE(daemon.stop());
  EXPECT_FALSE(fs::exists(daemon.data() / "api.url"));
}

TEST(AttackDataDir, ALostCookieIsNotReplacedByTheHomeCookie) {
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

TEST(AttackDataDir, TheDaemonHasACookieOfItsOwnAndTheHomeCookieMayNothing) {
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

TEST(AttackDataDir, NoErlangCookieIsNoError) {
  Epmd epmd;
  Serve daemon(epmd);
  EXPECT_TRUE(daemon.start()) << daemon.log();
}

TEST(AttackDataDir, ADirectoryOfBeforeKeepsItsCookieAndSaysSo) {
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

class AttackKey : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon.start()) << daemon.log();
    ASSERT_EQ(
        daemon
            .rest("POST", "/api/actions/add-node", {{"name", "n@127.0.0.1"}, {"cookie", "sesame"}})
            .status,
        201);
    ASSERT_TRUE(daemon.stop());
  }
  std::string rotate(std::map<std::string, std::string> env = {}) {
    TempDir dir;
    Command command;
    command.argv = {muster_binary(), "rotate-key", "--data-dir", daemon.data()};
    command.env = std::move(env);
    command.output = dir / "out";
    Process process(std::move(command));
    auto status = process.wait(30s);
    return std::to_string(status.value_or(-1)) + " " + process.output();
  }
  Epmd epmd;
  Serve daemon{epmd};
  fs::path key = daemon.data() / "secret.key";
};

TEST_F(AttackKey, ALostKeyIsNotMadeAnew) {
  fs::remove(key);
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("secret.key is missing"));
  EXPECT_THAT(daemon.said(), HasSubstr("restore"));
  EXPECT_FALSE(fs::exists(key));
  write_file(key, "", 0600);
  EXPECT_FALSE(daemon.start());
  EXPECT_EQ(read_file(key), "");
  write_file(key, std::string(32, 'x'), 0600);
  EXPECT_FALSE(daemon.start());
  EXPECT_THAT(daemon.said(), HasSubstr("another key"));
}

TEST_F(AttackKey, ItGoesOnWithoutTheSecretsThatAreLost) {
  fs::remove(key);
  ASSERT_TRUE(daemon.start({"--forget-secrets"})) << daemon.log();
  EXPECT_THAT(daemon.said(), HasSubstr("forgotten: cookie of n@127.0.0.1 in nodes"));
  EXPECT_THAT(daemon.get("/api/topo/nodes"), HasSubstr("n@127.0.0.1"));
  ASSERT_TRUE(daemon.stop());
  EXPECT_TRUE(daemon.start()) << daemon.said();
}

TEST_F(AttackKey, AKeyThatWasNeverWrittenWholeIsReplacedWhereNothingIsSealed) {
  Serve fresh(epmd, "fresh@127.0.0.1");
  fs::create_directory(fresh.data());
  ::chmod(fresh.data().c_str(), 0700);
  write_file(fresh.data() / "secret.key", "", 0600);
  EXPECT_TRUE(fresh.start()) << fresh.log();
  EXPECT_EQ(read_file(fresh.data() / "secret.key").size(), 32u);
}

TEST_F(AttackKey, IsRotatedOfflineOnly) {
  const auto before = read_file(key);
  ASSERT_TRUE(daemon.start());
  EXPECT_THAT(rotate(), HasSubstr("in use by process"));
  ASSERT_TRUE(daemon.stop());
  EXPECT_THAT(rotate(), testing::StartsWith("0 1 secrets"));
  EXPECT_NE(read_file(key), before);
  EXPECT_TRUE(daemon.start()) << daemon.said();
}

TEST_F(AttackKey, ARotationThatIsKilledIsFinishedOrUndone) {
  TempDir order;
  int undone = 0, finished = 0;
  for (std::string when : {"before 1", "after 1", "after 2"}) {  // the log's head is synced first
    const auto before = read_file(key);
    write_file(order / "order", when + "\n");
    auto said =
        rotate({{"LD_PRELOAD", MUSTER_CRASH_POINT}, {"CRASH_POINT", (order / "order").string()}});
    EXPECT_THAT(said, testing::StartsWith("137 ")) << when;
    EXPECT_EQ(read_file(key), before) << when;
    EXPECT_TRUE(fs::exists(daemon.data() / "secret.key.next")) << when;
    ASSERT_TRUE(daemon.start()) << when << daemon.said();
    ++(read_file(key) == before ? undone : finished);
    EXPECT_FALSE(fs::exists(daemon.data() / "secret.key.next")) << when;
    ASSERT_TRUE(daemon.stop());
  }
  EXPECT_GT(undone, 0);
  EXPECT_GT(finished, 0);
}

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
