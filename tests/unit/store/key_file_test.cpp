#include "store/key_file.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "store/migrations.h"
#include "store/sealed.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class KeyFile : public testing::Test {
 protected:
  KeyFile() { EXPECT_TRUE(migrate(*db)); }

  /// A node with this cookie.
  void add_node(const std::string& id, const Cipher& cipher, const std::string& cookie) {
    Statement s(
        *db, "INSERT INTO nodes (id, name, origin, added_at, cookie) VALUES (?, ?, 'added', 1, ?)");
    s.bind(id).bind(id + "@h").bind_blob(cipher.seal(Secret(cookie), "nodes/" + id + "/cookie"));
    ASSERT_TRUE(s.run());
  }
  void add_run(const Cipher& cipher, const std::string& arguments) {
    Statement s(*db,
                "INSERT INTO command_runs (id, module, function, arguments, sealed, caller, "
                "started_at) VALUES ('r', 'm', 'f', ?, 1, 'c', 1)");
    s.bind_blob(cipher.seal(Secret(arguments), "command_runs/r/arguments"));
    ASSERT_TRUE(s.run());
  }
  std::string sealed(const std::string& sql) {
    Statement s(*db, sql);
    return s.step() ? s.blob(0) : "";
  }
  std::string cookie_of(const std::string& id, const Cipher& cipher) {
    auto opened = cipher.open(sealed("SELECT cookie FROM nodes WHERE id = '" + id + "'"),
                              "nodes/" + id + "/cookie");
    return opened ? opened->reveal() : "does not open";
  }
  std::string problem(LostSecrets lost = LostSecrets::refuse) {
    auto opened = open_key(data, lost);
    return opened ? "none" : opened.error().text();
  }

  test::TemporaryFolder folder;
  const fs::path data = folder.path, key = data / "secret.key", next = data / "secret.key.next";
  Result<Connection> db = Connection::open((data / "muster.db").string());
};

TEST_F(KeyFile, IsMadeOnceAndKept) {
  auto made = open_key(data, LostSecrets::refuse);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(bytes_of(key).size(), 32U);
  add_node("n", *made, "riak");
  auto again = open_key(data, LostSecrets::refuse);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(cookie_of("n", *again), "riak");
}

// A new key was written, and then the start failed with words about a row.
TEST_F(KeyFile, AMissingKeyIsNotMadeAnewWhereSecretsAreSealed) {
  add_node("n", *open_key(data, LostSecrets::refuse), "riak");
  for (bool is_empty : {false, true}) {
    fs::remove(key);
    if (is_empty) {
      std::ofstream(key) << "";
      fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
    }
    EXPECT_THAT(problem(), HasSubstr(is_empty ? "holds no key" : "is missing"));
    EXPECT_THAT(problem(), HasSubstr("restore the secret.key"));
    EXPECT_EQ(fs::exists(key), is_empty);
    EXPECT_EQ(bytes_of(key), "");
  }
}

// A first start on a full disk left it, and no later start came by it.
TEST_F(KeyFile, AnUnfinishedKeyIsReplacedWhereNothingIsSealed) {
  std::ofstream(key) << "";
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(problem(), "none");
  EXPECT_EQ(bytes_of(key).size(), 32U);
}

TEST_F(KeyFile, AnotherKeyIsRefusedWithTheRemedy) {
  add_node("n", *open_key(data, LostSecrets::refuse), "riak");
  std::ofstream(key) << std::string(32, 'x');
  EXPECT_THAT(problem(), HasSubstr("another key"));
  EXPECT_THAT(problem(), HasSubstr("--forget-secrets"));
  std::ofstream(key) << std::string(33, 'x');
  EXPECT_THAT(problem(), HasSubstr("holds no key"));
}

TEST_F(KeyFile, ASingleSecretThatDoesNotOpenIsNamed) {
  auto cipher = *open_key(data, LostSecrets::refuse);
  add_node("good", cipher, "riak");
  add_node("bad", Cipher(Secret(std::string(32, 'x'))), "lost");
  EXPECT_THAT(problem(), HasSubstr("nodes/bad/cookie (bad@h)"));
  EXPECT_THAT(problem(), HasSubstr("1 of 2"));
}

TEST_F(KeyFile, ForgettingKeepsTheRowsAndWhatOpens) {
  auto cipher = *open_key(data, LostSecrets::refuse);
  Cipher other(Secret(std::string(32, 'x')));
  add_node("good", cipher, "riak");
  add_node("bad", other, "lost");
  add_run(other, "lost");
  EXPECT_EQ(problem(LostSecrets::forget), "none");
  EXPECT_EQ(cookie_of("good", cipher), "riak");
  EXPECT_EQ(cookie_of("bad", cipher).size(), 32U) << "a cookie that nobody has, not the daemon's";
  EXPECT_EQ(cipher.open(sealed("SELECT arguments FROM command_runs"), "command_runs/r/arguments")
                ->reveal(),
            "\x83\x6a");
  EXPECT_EQ(problem(), "none") << "from now on";
}

TEST_F(KeyFile, ForgettingGoesOnWithoutAnyKey) {
  add_node("n", Cipher(Secret(std::string(32, 'x'))), "lost");
  EXPECT_EQ(problem(LostSecrets::forget), "none");
  EXPECT_EQ(problem(), "none");
}

TEST_F(KeyFile, RotationSealsEverythingAnew) {
  auto old = *open_key(data, LostSecrets::refuse);
  add_node("n", old, "riak");
  add_run(old, "arguments");
  auto old_key = bytes_of(key);
  bool is_recorded = false;
  auto record = [&](Connection&) { return is_recorded = true, Result<>(); };
  auto rotated = rotate_key(data, record);
  EXPECT_TRUE(is_recorded);
  ASSERT_TRUE(rotated) << rotated.error().text();
  EXPECT_EQ(*rotated, 2U);
  EXPECT_NE(bytes_of(key), old_key);
  EXPECT_FALSE(fs::exists(next));
  auto fresh = *open_key(data, LostSecrets::refuse);
  EXPECT_EQ(cookie_of("n", fresh), "riak");
  EXPECT_EQ(cookie_of("n", old), "does not open");
}

TEST_F(KeyFile, RotationRefusesWhatItCannotOpen) {
  auto old = *open_key(data, LostSecrets::refuse);
  add_node("n", old, "riak");
  add_run(Cipher(Secret(std::string(32, 'x'))), "lost");
  EXPECT_THAT(rotate_key(data, [](auto&) { return Result<>(); }).error().text(),
              HasSubstr("command_runs/r/arguments"));
  EXPECT_EQ(cookie_of("n", old), "riak");
}

TEST_F(KeyFile, ARotationThatEndedBeforeItsCommitIsUndone) {
  add_node("n", *open_key(data, LostSecrets::refuse), "riak");
  auto old_key = bytes_of(key);
  std::ofstream(next) << std::string(32, 'x');
  fs::permissions(next, fs::perms::owner_read | fs::perms::owner_write);
  auto cipher = open_key(data, LostSecrets::refuse);
  ASSERT_TRUE(cipher) << cipher.error().text();
  EXPECT_EQ(cookie_of("n", *cipher), "riak");
  EXPECT_EQ(bytes_of(key), old_key);
  EXPECT_FALSE(fs::exists(next));
}

TEST_F(KeyFile, ARotationThatEndedAfterItsCommitIsFinished) {
  ASSERT_TRUE(open_key(data, LostSecrets::refuse));
  add_node("n", Cipher(Secret(std::string(32, 'x'))), "riak");
  std::ofstream(next) << std::string(32, 'x');
  fs::permissions(next, fs::perms::owner_read | fs::perms::owner_write);
  auto cipher = open_key(data, LostSecrets::refuse);
  ASSERT_TRUE(cipher) << cipher.error().text();
  EXPECT_EQ(cookie_of("n", *cipher), "riak");
  EXPECT_EQ(bytes_of(key), std::string(32, 'x'));
  EXPECT_FALSE(fs::exists(next));
}

// The columns of type BLOB are the sealed ones and these.
TEST_F(KeyFile, EverySealedColumnIsInTheList) {
  const std::set<std::string> clear = {"tokens.hash"};
  std::set<std::string> listed, found;
  for (auto& column : sealed_columns()) {
    listed.insert(std::string(column.table) + "." + column.column);
    EXPECT_TRUE(each_sealed(*db, column, [](auto&) { return Result<>(); })) << column.table;
    Statement key_of(*db, "SELECT count(*) FROM pragma_table_info(?) WHERE pk > 0");
    key_of.bind(column.table);
    ASSERT_TRUE(key_of.step());
    EXPECT_EQ(key_of.integer(0), static_cast<std::int64_t>(column.key.size())) << column.table;
  }
  Statement s(*db,
              "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c"
              " WHERE m.type = 'table' AND c.type = 'BLOB'");
  while (s.step())
    if (!clear.contains(s.text(0))) found.insert(s.text(0));
  EXPECT_EQ(found, listed);
}

}  // namespace
}  // namespace muster::store
