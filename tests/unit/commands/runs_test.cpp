#include "services/commands/runs.h"

#include <gtest/gtest.h>

#include "store/sealed.h"
#include "tests/unit/support/loop.h"

namespace muster::commands {
namespace {

class RunsTest : public testing::Test {
 protected:
  RunsTest() : runs(*database, cipher, {5, 4000, 3000, 1000, 1}) {}

  /// Runs it, with answers of so many bytes.
  void run(int number, const std::vector<std::size_t>& sizes) { run(runs, number, sizes); }
  void run(Runs& runs, int number, const std::vector<std::size_t>& sizes) {
    RunView view{
        std::to_string(number), "m", "f", "token:x", Timestamp(std::chrono::seconds(number)),
        std::nullopt,           {}};
    ASSERT_TRUE(test::finish(io, runs.begin(view, "arguments")));
    for (auto size : sizes) {
      NodeResult result;
      result.id = std::to_string(view.results.size());
      result.node = {"n" + result.id + "@h"};
      result.outcome = Outcome::value;
      result.value = etf::binary(std::string(size, 'x'));
      view.results.push_back(std::move(result));
    }
    view.finished_at = view.started_at;
    ASSERT_TRUE(test::finish(io, runs.finish(view)));
  }
  std::vector<std::string> kept() {
    std::vector<std::string> ids;
    auto page = test::finish(io, runs.list({}));
    for (auto& each : page->items) ids.push_back(each.id);
    return ids;
  }

  asio::io_context io;
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  Runs runs;
};

// Passwords are among them: they were clear in the database.
TEST_F(RunsTest, ArgumentsAndAnswersAreSealedAtRest) {
  run(1, {500});
  auto look = [](store::Connection& db) -> Result<std::string> {
    store::Statement s(db,
                       "SELECT arguments || value FROM command_runs JOIN command_results ON "
                       "run_id = id");
    std::string all;
    while (s.step()) all += s.blob(0);
    TRYV(s.result());
    return all;
  };
  auto stored = test::finish(io, database->read(look));
  ASSERT_TRUE(stored);
  EXPECT_GT(stored->size(), 500U);
  EXPECT_EQ(stored->find("arguments"), std::string::npos);
  EXPECT_EQ(stored->find("xxx"), std::string::npos);
  auto got = test::finish(io, runs.get("1"));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->results.at(0).value, etf::Term(etf::binary(std::string(500, 'x'))));
}

TEST_F(RunsTest, ClearRowsOfBeforeAreReadAndSealed) {
  auto before = [](store::Connection& db) {
    return db.execute(
        "INSERT INTO command_runs (id, module, function, arguments, caller, started_at)"
        " VALUES ('1', 'm', 'f', x'836a', 'x', 1);"
        "INSERT INTO command_results (run_id, node_id, node_name, outcome, value, duration_ms)"
        " VALUES ('1', 'n', 'n@h', 'value', x'8361ff', 1)");
  };
  ASSERT_TRUE(test::finish(io, database->write(before)));
  auto expected = etf::Term(255);
  EXPECT_EQ(test::finish(io, runs.get("1"))->results.at(0).value, expected);
  auto seal = [this](store::Connection& db) { return store::seal_clear(db, cipher); };
  ASSERT_TRUE(test::finish(io, database->write(seal)));
  auto clear = [](store::Connection& db) -> Result<bool> {
    store::Statement s(db, "SELECT 1 FROM command_results WHERE value = x'8361ff'");
    return s.step();
  };
  EXPECT_FALSE(*test::finish(io, database->read(clear)));
  auto got = test::finish(io, runs.get("1"));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->results.at(0).value, expected);
}

TEST_F(RunsTest, TheNewestAreKept) {
  for (int i = 1; i <= 7; ++i) run(i, {10});
  EXPECT_EQ(kept(), (std::vector<std::string>{"7", "6", "5", "4", "3"}));
  EXPECT_EQ(test::finish(io, runs.get("1")).error().errc(), Errc::not_found);
}

// 10,000 runs with as many answers of 64 KiB would have been 6 TB.
TEST_F(RunsTest, TheOldestGoWhenAllTakeTooMuch) {
  for (int i = 1; i <= 4; ++i) run(i, {900, 900});
  run(5, {});
  EXPECT_EQ(kept(), (std::vector<std::string>{"5", "4", "3"}));
}

// Each run looked at all 10,000, and everybody's writes waited.
TEST_F(RunsTest, OldOnesAreTrimmedWithEverySoManyRuns) {
  for (int i = 1; i <= 7; ++i) run(i, {});
  Runs rare(*database, cipher, {5, 1 << 20, 3000, 1000, 20});
  run(rare, 8, {});
  EXPECT_EQ(kept().size(), 5u) << "those of before the start";
  for (int i = 9; i <= 27; ++i) run(rare, i, {});
  EXPECT_EQ(kept().size(), 24u);
  run(rare, 28, {});
  EXPECT_EQ(kept(), (std::vector<std::string>{"28", "27", "26", "25", "24"}));
}

TEST_F(RunsTest, MuchThatIsKeptIsTrimmedSooner) {
  Runs rare(*database, cipher, {1000, 4000, 3000, 1000, 100});
  for (int i = 1; i <= 9; ++i) run(rare, i, {900, 900});
  EXPECT_LE(kept().size(), 4u);
}

TEST_F(RunsTest, ValuesAreLeftOutOfARunThatIsTooLarge) {
  run(1, {900, 1100, 900, 900, 900, 100});
  auto run = test::finish(io, runs.get("1"));
  ASSERT_TRUE(run);
  std::vector<bool> has_value;
  for (auto& result : run->results) has_value.push_back(result.value.has_value());
  EXPECT_EQ(has_value, (std::vector<bool>{true, false, true, true, false, true}));
}

TEST_F(RunsTest, ARunThatEndsAfterItsRecordIsGoneIsNoError) {
  RunView slow{"0", "m", "f", "token:x", Timestamp{}, std::nullopt, {NodeResult{}}};
  ASSERT_TRUE(test::finish(io, runs.begin(slow, "arguments")));
  for (int i = 1; i <= 6; ++i) run(i, {});
  slow.finished_at = Timestamp{};
  EXPECT_TRUE(test::finish(io, runs.finish(slow)));
}

}  // namespace
}  // namespace muster::commands
