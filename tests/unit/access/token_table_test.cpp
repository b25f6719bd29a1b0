#include "services/access/token_table.h"

#include <gmock/gmock.h>

#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::access {
namespace {

class TokenTableTest : public testing::Test {
 protected:
  TokenTableTest() {
    database_ = *store::Database::open_in_memory();
    restart();
  }

  void restart() {
    rows_.clear();
    tokens_.emplace(*AdminToken::open(dir_ / "api.token"), *database_, clock_);
    ASSERT_TRUE(finish(tokens_->start()));
    rows_ = tokens_->operations();
  }
  template <class T>
  static Result<T> finish(Task<T> task) {
    asio::io_context io;
    return test::finish(io, std::move(task));
  }
  Result<ops::json::value> call(std::size_t row, ops::json::value args) {
    ops::Caller caller{"token:admin", ops::Role::admin, {}, {}};
    return finish(rows_[row].call(std::move(args), caller));
  }
  std::string make(std::string name, std::string role) {
    auto made = call(0, {{"name", name}, {"role", role}});
    return made ? std::string(made->at("token").as_string()) : made.error().message;
  }

  test::TemporaryFolder temporary_;
  const std::filesystem::path dir_ = temporary_.path;
  SystemClock clock_;
  std::unique_ptr<store::Database> database_;
  std::optional<TokenTable> tokens_;
  std::vector<ops::Operation> rows_;
};

TEST_F(TokenTableTest, AnAddedTokenHasItsRoleAlsoAfterARestart) {
  auto token = make("ci", "operator");
  EXPECT_EQ(tokens_->find(token)->name, "token:ci");
  restart();
  EXPECT_EQ(tokens_->find(token)->role, ops::Role::operator_);
  EXPECT_FALSE(tokens_->find(token + "0"));
}

TEST_F(TokenTableTest, ATokenHasARole) {
  auto made = call(0, {{"name", "ci"}, {"role", "none"}});
  EXPECT_EQ(made.error().errc(), Errc::bad_request);
  EXPECT_EQ(made.error().field, "/role");
}

TEST_F(TokenTableTest, ARemovedTokenOpensNothing) {
  auto token = make("ci", "viewer");
  EXPECT_TRUE(call(2, {{"name", "ci"}}));
  EXPECT_FALSE(tokens_->find(token));
  restart();
  EXPECT_FALSE(tokens_->find(token));
  EXPECT_EQ(call(2, {{"name", "ci"}}).error().errc(), Errc::not_found);
}

TEST_F(TokenTableTest, ATokenWhoseRemovalFailsIsRemovedByAnotherTry) {
  auto token = make("ci", "viewer");
  auto execute = [this](std::string sql) {
    auto job = [sql](store::Connection& db) { return db.execute(sql); };
    return finish(database_->write(job));
  };
  ASSERT_TRUE(
      execute("CREATE TRIGGER t BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'no'); END"));
  EXPECT_FALSE(call(2, {{"name", "ci"}}));
  EXPECT_FALSE(tokens_->find(token)) << "refused at once";
  ASSERT_TRUE(execute("DROP TRIGGER t"));
  EXPECT_TRUE(call(2, {{"name", "ci"}})) << "there is still a row to remove";
  restart();
  EXPECT_FALSE(tokens_->find(token));
}

TEST_F(TokenTableTest, ARemovalIsToldWithTheCallersName) {
  std::string told;
  tokens_->on_removed([&](const std::string& caller) { told = caller; });
  make("ci", "viewer");
  EXPECT_TRUE(call(2, {{"name", "ci"}}));
  EXPECT_EQ(told, "token:ci");
}

TEST_F(TokenTableTest, TheListDoesNotShowTokens) {
  auto token = make("ci", "viewer");
  auto listed = ops::json::serialize(*call(1, ops::json::object()));
  EXPECT_THAT(listed, testing::HasSubstr("\"ci\""));
  EXPECT_THAT(listed, testing::Not(testing::HasSubstr(token)));
}

TEST_F(TokenTableTest, NamesAreTakenOnce) {
  make("ci", "viewer");
  EXPECT_EQ(call(0, {{"name", "ci"}, {"role", "admin"}}).error().errc(), Errc::conflict);
  EXPECT_EQ(call(0, {{"name", "admin"}, {"role", "admin"}}).error().field, "/name");
  EXPECT_EQ(call(0, {{"name", ""}, {"role", "admin"}}).error().field, "/name");
}

}  // namespace
}  // namespace muster::access
