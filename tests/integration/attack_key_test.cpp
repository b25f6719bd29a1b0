// What becomes of secret.key when somebody loses or breaks it, or kills the daemon over it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "daemon.h"
#include "serve.h"
#include "temp_dir.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

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
  std::size_t rotations() const {
    return daemon.rest("GET", "/api/audit?operation=daemon.rotate_key")
        .json.at("items")
        .as_array()
        .size();
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
  EXPECT_EQ(rotations(), 1u);
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
  ASSERT_TRUE(daemon.start());
  EXPECT_EQ(rotations(), static_cast<std::size_t>(finished));
}

}  // namespace
}  // namespace muster::test
