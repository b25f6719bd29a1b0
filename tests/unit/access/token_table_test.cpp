#include "services/access/token_table.h"

#include <gmock/gmock.h>

#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::access {
namespace {

namespace json = ops::json;

class TokenTableTest : public testing::Test {
 protected:
  TokenTableTest() {
    database_ = *store::Database::open_in_memory();
    restart();
  }

  void restart() {
    rows_.clear();
    auto families = [](const std::string& name) {
      std::vector<std::string> ids;
      if (name == "shop" || name == "id-shop") ids.push_back("id-shop");
      return ids;
    };
    tokens_.emplace(io_.get_executor(), *AdminToken::open(dir_ / "api.token"), *database_, families,
                    clock_);
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
  asio::io_context io_;
  test::HandClock clock_;
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
  tokens_->on_ended([&](const std::string& caller) { told = caller; });
  make("ci", "viewer");
  EXPECT_TRUE(call(2, {{"name", "ci"}}));
  EXPECT_EQ(told, "token:ci");
}

TEST_F(TokenTableTest, AnExpiredTokenOpensNothingAndItsRowSaysSo) {
  auto made = call(0, {{"name", "ci"}, {"role", "viewer"}, {"expires_in", 60}});
  ASSERT_TRUE(made);
  std::string token(made->at("token").as_string());
  EXPECT_TRUE(tokens_->find(token));
  EXPECT_FALSE(tokens_->find_expired(token));
  EXPECT_FALSE(call(1, json::object())->at(0).at("is_expired").as_bool());
  restart();
  clock_.turn(std::chrono::seconds(60));
  auto found = tokens_->find(token);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().errc(), Errc::unauthorized);
  EXPECT_EQ(tokens_->find_expired(token), "token:ci");
  EXPECT_TRUE(call(1, json::object())->at(0).at("is_expired").as_bool());
}

TEST_F(TokenTableTest, AnEndIsGivenOnceAndLiesInTheFuture) {
  auto field = [&](json::object more) {
    json::object args{{"name", "ci"}, {"role", "viewer"}};
    args.insert(more.begin(), more.end());
    auto made = call(0, args);
    return made ? "" : made.error().field;
  };
  EXPECT_EQ(field({{"expires_in", 0}}), "/expires_in");
  EXPECT_EQ(field({{"expires_at", "2001-01-01T00:00:00Z"}}), "/expires_at");
  EXPECT_EQ(field({{"expires_at", "2101-01-01T00:00:00Z"}, {"expires_in", 5}}), "/expires_in");
  EXPECT_EQ(field({{"expires_at", "2101-01-01T00:00:00Z"}}), "");
}

TEST_F(TokenTableTest, ABoundTokenStaysBoundAlsoAfterARestart) {
  auto made = call(0, {{"name", "ci"}, {"role", "admin"}, {"families", {"shop"}}});
  ASSERT_TRUE(made);
  restart();
  auto caller = tokens_->find(std::string(made->at("token").as_string()));
  EXPECT_EQ(caller->families, std::vector<std::string>{"id-shop"});
  EXPECT_EQ(call(1, json::object())->at(0).at("families"), (json::array{"id-shop"}));
  auto unknown = call(0, {{"name", "x"}, {"role", "admin"}, {"families", {"shop", "nope"}}});
  EXPECT_EQ(unknown.error().field, "/families/1") << "never a token that is bound to nothing";
}

TEST_F(TokenTableTest, SaysWhenATokenWasLastUsed) {
  auto token = make("ci", "viewer");
  EXPECT_FALSE(call(1, json::object())->at(0).as_object().contains("last_used_at"));
  auto stop = [&] { test::finish(io_, tokens_->stop()); };
  auto last_used = [&] { return call(1, json::object())->at(0).at("last_used_at"); };
  ASSERT_TRUE(tokens_->find(token));
  auto first = ops::to_json(clock_.now());
  clock_.turn(std::chrono::seconds(59));
  ASSERT_TRUE(tokens_->find(token));
  EXPECT_EQ(last_used(), first) << "at most once a minute";
  clock_.turn(std::chrono::seconds(1));
  ASSERT_TRUE(tokens_->find(token));
  auto second = ops::to_json(clock_.now());
  stop();
  restart();
  EXPECT_EQ(last_used(), second);
}

TEST_F(TokenTableTest, ATokensNameIsCleanText) {
  for (auto* name : {"a\nb", "\x1b[31mred",
                     "a\xc2\x9b"
                     "b",
                     " a", "a ",
                     "\xe2\x80\xae"
                     "evil",
                     "a\x7f"})
    EXPECT_EQ(call(0, {{"name", name}, {"role", "viewer"}}).error().field, "/name") << name;
  EXPECT_TRUE(call(0, {{"name", "Jürgen's ci"}, {"role", "viewer"}}));
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
