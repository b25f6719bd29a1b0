#include "base/private_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/support/temporary_folder.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

class PrivateFile : public testing::Test {
 protected:
  ~PrivateFile() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
  bool passes(mode_t mode, uid_t owner = ::geteuid()) {
    fs::remove(file);
    std::ofstream(file) << "secret";
    EXPECT_EQ(::chown(file.c_str(), owner, static_cast<gid_t>(-1)), 0);
    ::chmod(file.c_str(), mode);
    auto checked = check_private(file);
    if (::geteuid() == 0) {
      EXPECT_EQ(checked.has_value(), read_private(file, 100).has_value());
    }
    return checked.has_value();
  }
  test::TemporaryFolder folder;
  const fs::path file = folder.path / "secret";
};

TEST_F(PrivateFile, IsItsOwnersAlone) {
  EXPECT_TRUE(passes(0600));
  EXPECT_TRUE(passes(0400));
  for (mode_t mode : {0640, 0604, 0644, 0660, 0610, 0601}) EXPECT_FALSE(passes(mode)) << mode;
}

TEST_F(PrivateFile, MayBeRootsForAGroupToRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, who owns such files";
  EXPECT_TRUE(passes(0440));
  EXPECT_FALSE(passes(0440, 65534));
  EXPECT_FALSE(passes(0444));
  EXPECT_FALSE(passes(0460));
}

// systemd's LoadCredential gives a service its files so.
TEST_F(PrivateFile, MayBeACredentialForAGroupToRead) {
  uid_t somebody = ::geteuid() == 0 ? 65534 : ::geteuid();
  ::setenv("CREDENTIALS_DIRECTORY", folder.path.c_str(), 1);
  EXPECT_TRUE(passes(0440, somebody));
  EXPECT_FALSE(passes(0444, somebody));
  ::setenv("CREDENTIALS_DIRECTORY", (folder.path / "other").c_str(), 1);
  EXPECT_FALSE(passes(0440, somebody));
}

TEST_F(PrivateFile, IsWrittenWholeAndReadWithABound) {
  std::ofstream(folder.path / "secret.new") << "left by a crash";
  ASSERT_TRUE(write_private(file, "one"));
  ASSERT_TRUE(write_private(file, "two"));
  EXPECT_EQ(*read_private(file, 3), "two");
  EXPECT_EQ(read_private(file, 2).error().errc(), Errc::too_large);
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  EXPECT_FALSE(fs::exists(folder.path / "secret.new"));
  EXPECT_EQ(read_private(folder.path / "none", 2).error().errc(), Errc::not_found);
  EXPECT_EQ(read_private(folder.path, 2).error().errc(), Errc::bad_request);
}

}  // namespace
}  // namespace muster
