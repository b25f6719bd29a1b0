#include "app/cookies.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "store/database.h"
#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CookiesTest : public testing::Test {
 protected:
  CookiesTest() {
    fs::create_directory(home);
    ::setenv("HOME", home.c_str(), 1);
  }
  void write(const fs::path& file, const std::string& text, mode_t mode = 0600) {
    fs::remove(file);
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
  }
  std::string problem(const std::string& text) {
    auto file = folder.path / "given";
    write(file, text);
    auto cookie = read_cookie(file);
    if (cookie) return cookie->reveal();
    auto prefix = "the cookie file " + file.string() + " ";
    EXPECT_EQ(cookie.error().message.substr(0, prefix.size()), prefix);
    return cookie.error().message.substr(prefix.size());
  }
  Result<Cookies> find(std::optional<fs::path> given = {}) {
    auto dir = DataDir::open(folder.path / "data");
    if (!dir) return std::move(dir).error();
    return find_cookies(given, *dir);
  }

  test::TemporaryFolder folder;
  const fs::path home = folder.path / "home", home_file = home / ".erlang.cookie",
                 own_file = folder.path / "data" / "cookie";
};

// A second line, or what stood behind a blank, was dropped without a word.
TEST_F(CookiesTest, AFileThatHoldsMoreThanACookieIsRefused) {
  EXPECT_EQ(problem("secret"), "secret");
  EXPECT_EQ(problem("secret\n"), "secret");
  EXPECT_EQ(problem("secret\r\n"), "secret");
  EXPECT_EQ(problem(""), "is empty");
  EXPECT_EQ(problem("\n"), "is empty");
  EXPECT_EQ(problem("one\ntwo\n"), "has more than one line");
  EXPECT_EQ(problem("one\n\n"), "has more than one line");
  EXPECT_THAT(problem("one two\n"), HasSubstr("has blanks"));
  EXPECT_THAT(problem("one \n"), HasSubstr("has blanks"));
  EXPECT_THAT(problem("caf\xc3\xa9\n"), HasSubstr("not printable ASCII"));
  EXPECT_EQ(problem(std::string(255, 'c')), std::string(255, 'c'));
  EXPECT_EQ(problem(std::string(256, 'c')), "has more than 255 characters");
  EXPECT_EQ(problem(std::string(100'000, 'c')), "has more than 255 characters");
}

TEST_F(CookiesTest, TheDaemonMakesItsOwnAndKeepsIt) {
  auto made = find();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->own.reveal().size(), 40U);
  EXPECT_FALSE(made->home);
  EXPECT_EQ(made->warning, "");
  struct stat about {};
  ASSERT_EQ(::stat(own_file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  EXPECT_EQ(find()->own, made->own);
}

TEST_F(CookiesTest, TheHomeCookieIsAnotherOne) {
  write(home_file, "shared", 0400);
  auto cookies = find();
  ASSERT_TRUE(cookies);
  EXPECT_NE(cookies->own.reveal(), "shared");
  ASSERT_TRUE(cookies->home);
  EXPECT_EQ(cookies->home->reveal(), "shared");
}

TEST_F(CookiesTest, AHomeCookieThatIsNoneIsNoReasonNotToStart) {
  write(home_file, "one two");
  auto cookies = find();
  ASSERT_TRUE(cookies);
  EXPECT_FALSE(cookies->home);
  EXPECT_THAT(cookies->warning, HasSubstr("has blanks"));
  write(home_file, "shared", 0644);
  EXPECT_THAT(find()->warning, HasSubstr("can be read by others"));
}

TEST_F(CookiesTest, AGivenFileIsTheDaemonsOwn) {
  auto given = folder.path / "given";
  write(given, "mine");
  write(home_file, "mine");
  auto cookies = find(given);
  ASSERT_TRUE(cookies);
  EXPECT_EQ(cookies->own.reveal(), "mine");
  EXPECT_FALSE(cookies->home) << "it is the same one";
  EXPECT_FALSE(fs::exists(own_file));
  EXPECT_EQ(find(folder.path / "none").error().errc(), Errc::not_found);
}

TEST_F(CookiesTest, ADirectoryOfBeforeKeepsWhatItHas) {
  write(home_file, "shared");
  ASSERT_TRUE(DataDir::open(folder.path / "data"));
  write(folder.path / "data" / "muster.db", "");
  auto cookies = find();
  ASSERT_TRUE(cookies);
  EXPECT_EQ(cookies->own.reveal(), "shared");
  EXPECT_TRUE(cookies->is_from_before);
  EXPECT_THAT(cookies->warning, HasSubstr("openssl rand"));
  EXPECT_FALSE(fs::exists(own_file));
  write(own_file, "fresh\n");
  cookies = find();
  EXPECT_EQ(cookies->own.reveal(), "fresh");
  EXPECT_EQ(cookies->home->reveal(), "shared");
}

// Without its cookie the daemon went on with one that is weaker, as if it had never had any.
TEST_F(CookiesTest, ALostCookieIsNotReplacedByTheHomeCookie) {
  auto database = store::Database::open_in_memory();
  ASSERT_TRUE(database);
  asio::io_context io;
  auto check = [&](bool is_from_before) {
    auto job = [&](store::Connection& db) {
      return check_cookie_is_not_lost(db, is_from_before, Timestamp());
    };
    return test::finish(io, (*database)->write(job));
  };
  EXPECT_TRUE(check(true)) << "a directory of before goes on";
  EXPECT_TRUE(check(true));
  EXPECT_TRUE(check(false)) << "it has one now";
  EXPECT_TRUE(check(false));
  auto lost = check(true);
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message, HasSubstr("is lost"));
  EXPECT_THAT(lost.error().message, HasSubstr("or by --cookie-file")) << "it may have been given";
}

TEST_F(CookiesTest, ANewCookieInADirectoryOfOldIsTold) {
  ASSERT_TRUE(DataDir::open(folder.path / "data"));
  write(folder.path / "data" / "muster.db", "");
  auto cookies = find();
  ASSERT_TRUE(cookies);
  EXPECT_FALSE(cookies->is_from_before);
  EXPECT_THAT(cookies->warning, HasSubstr("a new one is in " + own_file.string()));
  EXPECT_EQ(find()->warning, "");
}

}  // namespace
}  // namespace muster::app
