#include "app/data_dir.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "app/guard_process.h"
#include "app/self_check.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

mode_t mode_of(const fs::path& path) {
  struct stat about {};
  EXPECT_EQ(::stat(path.c_str(), &about), 0);
  return about.st_mode & 07777;
}

class DataDirTest : public testing::Test {
 protected:
  std::string problem() {
    auto opened = DataDir::open(data);
    return opened ? "none" : opened.error().text();
  }
  test::TemporaryFolder folder;
  const fs::path data = folder.path / "a" / "data";
};

TEST_F(DataDirTest, IsMadeForItsOwnerAlone) {
  {
    auto made = DataDir::open(data.string() + "/");
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->path(), data);
    EXPECT_FALSE(made->has_database());
  }
  EXPECT_EQ(mode_of(data), 0700U);
  EXPECT_EQ(mode_of(data / "lock"), 0600U);
  EXPECT_EQ(problem(), "none") << "again";
}

// Both served, removed each other's uploads, and carried out the same deployments.
TEST_F(DataDirTest, BelongsToOneDaemon) {
  auto first = DataDir::open(data);
  ASSERT_TRUE(first);
  auto second = DataDir::open(data);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().errc(), Errc::conflict);
  EXPECT_THAT(second.error().text(), HasSubstr(data.string()));
  EXPECT_THAT(second.error().text(), HasSubstr("process " + std::to_string(::getpid())));
}

// It was made 0700, whatever it was: /tmp, /srv, somebody's home.
TEST_F(DataDirTest, AFolderThatIsNotOursIsNeitherTakenNorChanged) {
  fs::create_directories(data);
  std::ofstream(data / "letters") << "x";
  ::chmod(data.c_str(), 0755);
  EXPECT_THAT(problem(), HasSubstr("not empty ('letters' is in it)"));
  ::chmod(data.c_str(), 0700);
  EXPECT_THAT(problem(), HasSubstr("not empty"));
  EXPECT_FALSE(fs::exists(data / "lock"));
  fs::remove(data / "letters");
  ::chmod(data.c_str(), 0755);
  EXPECT_THAT(problem(), HasSubstr("others can enter it (mode 0755): chmod 700 it"));
  EXPECT_EQ(mode_of(data), 0755U);
  ::chmod(data.c_str(), 0700);
  EXPECT_EQ(problem(), "none");
}

TEST_F(DataDirTest, ADirectoryOfBeforeIsOurs) {
  fs::create_directories(data);
  ::chmod(data.c_str(), 0700);
  std::ofstream(data / "muster.db") << "";
  std::ofstream(data / "notes of the operator") << "";
  EXPECT_EQ(problem(), "none");
}

TEST_F(DataDirTest, AFirstStartThatFailedLeavesADirectoryOfOurs) {
  fs::create_directories(data);
  ::chmod(data.c_str(), 0700);
  for (auto* name : {"lock", "secret.key.new", "cookie"}) std::ofstream(data / name) << "";
  EXPECT_EQ(problem(), "none");
}

TEST_F(DataDirTest, AFileIsNoDirectory) {
  fs::create_directories(data.parent_path());
  std::ofstream(data) << "";
  EXPECT_THAT(problem(), HasSubstr("that is no folder"));
}

TEST_F(DataDirTest, AFolderOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give the folder away";
  fs::create_directories(data);
  ASSERT_EQ(::chown(data.c_str(), 65534, 65534), 0);
  ::chmod(data.c_str(), 0700);
  EXPECT_THAT(problem(), HasSubstr("it belongs to user nobody, this is root"));
}

TEST(GuardProcess, LeavesNoCoreDumpAndNoFileForOthers) {
  auto guarded = [] {
    guard_process();
    ::_exit(::prctl(PR_GET_DUMPABLE) + static_cast<int>(::umask(0)));
  };
  EXPECT_EXIT(guarded(), testing::ExitedWithCode(077), "");
}

TEST(SelfCheck, AFullDiskIsNotOk) {
  EXPECT_EQ(judge_disk(0).error().errc(), Errc::unavailable);
  EXPECT_THAT(judge_disk(4096).error().text(), HasSubstr("4096 bytes are free"));
  EXPECT_EQ(*judge_disk(5ULL << 30), "5120 MiB are free");
}

}  // namespace
}  // namespace muster::app
