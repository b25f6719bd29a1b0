#include "services/access/admin_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/support/temporary_folder.h"

namespace muster::access {
namespace {

class AdminTokenTest : public testing::Test {
 protected:
  test::TemporaryFolder temporary_;
  const std::filesystem::path dir_ = temporary_.path;
};

TEST_F(AdminTokenTest, IsMadeAtFirstStartAndKept) {
  auto file = dir_ / "api.token";
  auto made = AdminToken::open(file);
  ASSERT_TRUE(made);
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  std::string token;
  std::ifstream(file) >> token;
  EXPECT_EQ(made->find(token)->role, ops::Role::admin);
  EXPECT_FALSE(made->find(token + "x"));
  EXPECT_FALSE(made->find(""));
  EXPECT_TRUE(AdminToken::open(file)->find(token)) << "after a restart";
}

TEST_F(AdminTokenTest, IsRefusedWhereOthersCanReadIt) {
  auto file = dir_ / "api.token";
  ASSERT_TRUE(AdminToken::open(file));
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(AdminToken::open(file).error().errc(), Errc::bad_request);
  ::chmod(file.c_str(), 0600);
  std::ofstream(file) << "short\n";
  EXPECT_FALSE(AdminToken::open(file));
}

}  // namespace
}  // namespace muster::access
