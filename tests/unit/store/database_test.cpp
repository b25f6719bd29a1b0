#include "store/database.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <future>

#include "store/cipher.h"
#include "store/migrations.h"
#include "tests/unit/support/loop.h"

namespace muster::store {
namespace {

Result<> insert(Connection& db, const std::string& id) {
  Statement s(db,
              "INSERT INTO node_families (id, name, origin, created_at) VALUES (?, ?, 'added', 0)");
  return s.bind(id).bind("family " + id).run();
}

Result<std::int64_t> count(Connection& db) {
  Statement s(db, "SELECT count(*) FROM node_families");
  s.step();
  TRYV(s.result());
  return s.integer(0);
}

TEST(Statement, OfATextThatWasUsedBeforeBeginsAnew) {
  auto db = *Connection::open(":memory:");
  const std::string pair = "SELECT ?, ? UNION ALL SELECT 3, 4";
  {
    Statement first(db, pair);
    first.bind("a").bind(2);
    EXPECT_TRUE(first.step());
    Statement beside(db, pair);
    beside.bind("b").bind(5);
    EXPECT_TRUE(beside.step());
    EXPECT_EQ(first.text(0) + beside.text(0), "ab");
  }
  Statement again(db, pair);
  again.bind("c");
  EXPECT_TRUE(again.step());
  EXPECT_EQ(again.text(0), "c");
  EXPECT_TRUE(again.is_null(1)) << "what was bound before is gone";
}

TEST(Statement, OfATextThatFailedBeforeBeginsAnew) {
  auto db = *Connection::open(":memory:");
  ASSERT_TRUE(db.execute("CREATE TABLE t (a UNIQUE)"));
  auto put = [&](int value) { return Statement(db, "INSERT INTO t VALUES (?)").bind(value).run(); };
  EXPECT_TRUE(put(1));
  EXPECT_EQ(put(1).error().errc(), Errc::conflict);
  EXPECT_TRUE(put(2));
  ASSERT_TRUE(db.execute("DROP TABLE t; CREATE TABLE t (a UNIQUE)"));
  EXPECT_TRUE(put(1));
}

// It lay among the statements of the database that had taken the place of its own.
TEST(Statement, OfADatabaseThatWasReplacedIsNotKept) {
  auto db = *Connection::open(":memory:");
  ASSERT_TRUE(db.execute("CREATE TABLE t (a)"));
  auto look = std::make_unique<Statement>(db, "SELECT count(*) FROM t");
  EXPECT_TRUE(look->step());
  db = *Connection::open(":memory:");
  look.reset();
  Statement again(db, "SELECT count(*) FROM t");
  EXPECT_FALSE(again.step());
  EXPECT_TRUE(again.result().has_error()) << "there is no such table here";
}

class InMemory : public testing::Test {
 protected:
  InMemory() : database(std::move(*Database::open_in_memory())) {}
  void run(asio::awaitable<void> body) { test::finish(io, std::move(body)); }
  void start(Task<> task) {
    asio::co_spawn(io, std::move(task), [this](std::exception_ptr, Result<> result) {
      answers.push_back(result.has_value());
    });
    io.restart();
    io.poll();
  }
  /// What comes from here on waits behind a read until let_go().
  void hold() {
    auto job = [this](Connection&) -> Result<> {
      is_held.set_value();
      return all_wait.get_future().wait(), Result<>();
    };
    start(database->read(job));
    is_held.get_future().wait();
  }
  void let_go() {
    all_wait.set_value();
    io.restart();
    io.run();
  }
  /// A job that says when it ran.
  auto note(int who) {
    return [this, who](Connection&) -> Result<> {
      order.push_back(who);
      return {};
    };
  }

  asio::io_context io;
  std::promise<void> is_held, all_wait;
  std::vector<bool> answers;
  std::vector<int> order;
  std::unique_ptr<Database> database;
};

TEST_F(InMemory, KeepsWhatAJobWrote) {
  auto body = [&]() -> asio::awaitable<void> {
    auto job = [](Connection& db) { return insert(db, "a"); };
    EXPECT_TRUE(co_await database->write(job));
    auto look = [](Connection& db) { return count(db); };
    auto seen = co_await database->read(look);
    EXPECT_EQ(seen.value(), 1);
  };
  run(body());
}

TEST_F(InMemory, UndoesAFailedJobAloneWithinItsBatch) {
  int good = 0, bad = 0;
  auto one = [&](std::string id, bool fails) -> asio::awaitable<void> {
    auto job = [id, fails](Connection& db) -> Result<> {
      TRYV(insert(db, id));
      if (fails) return Error(Errc::conflict, "as the test wants");
      return {};
    };
    auto result = co_await database->write(job);
    ++(result ? good : bad);
    EXPECT_EQ(result.has_value(), !fails);
  };
  for (int i = 0; i < 20; ++i)
    asio::co_spawn(io, one(std::to_string(i), i % 4 == 0), asio::detached);
  io.run();
  EXPECT_EQ(good, 15);
  EXPECT_EQ(bad, 5);
  auto body = [&]() -> asio::awaitable<void> {
    auto look = [](Connection& db) { return count(db); };
    auto seen = co_await database->read(look);
    EXPECT_EQ(seen.value(), 15);
  };
  run(body());
}

// The jobs behind such a one were committed by themselves and then answered as failed.
TEST_F(InMemory, AJobThatLosesTheTransactionFailsItsWholeBatch) {
  auto shrink = [](Connection& db) { return db.execute("PRAGMA max_page_count = 1"); };
  auto grow = [](Connection& db) {
    Statement s(db,
                "INSERT INTO node_families (id, name, origin, created_at)"
                " VALUES ('big', ?, 'added', 0)");
    return s.bind(std::string(1 << 20, 'x')).run();
  };
  auto before = [](Connection& db) { return insert(db, "before"); };
  auto behind = [](Connection& db) { return insert(db, "behind"); };
  start(database->read(shrink));
  hold();  // what is written from here on is one batch
  start(database->write(before));
  start(database->write(grow));
  start(database->write(behind));
  let_go();
  EXPECT_EQ(answers, (std::vector<bool>{true, true, false, false, false}));
  auto body = [&]() -> asio::awaitable<void> {
    auto look = [](Connection& db) { return count(db); };
    auto seen = co_await database->read(look);
    EXPECT_EQ(seen.value(), 0);
  };
  run(body());
  EXPECT_EQ(database->load().failures, 1U);
}

// 3,000 reads of 0.07 s made one waited for 218 s.
TEST_F(InMemory, AWriteDoesNotWaitForTheReadsThatCameBeforeIt) {
  std::vector<int> expected{-1, -2};
  hold();
  for (int i = 0; i < 100; ++i) {
    start(database->read(note(i)));
    expected.push_back(i);
  }
  start(database->write(note(-1)));
  start(database->write(note(-2)));
  EXPECT_EQ(database->load().waiting, 102U);
  let_go();
  EXPECT_EQ(order, expected);
  EXPECT_EQ(answers, std::vector<bool>(103, true));
  EXPECT_EQ(database->load().waiting, 0U);
}

TEST_F(InMemory, AReadHasItsTurnAfterEachBatchOfWrites) {
  constexpr int one_batch = 512, writes = 2 * one_batch + 1;
  hold();
  for (int i = 0; i < writes; ++i) start(database->write(note(i)));
  for (int i = 1; i <= 4; ++i) start(database->read(note(-i)));
  let_go();
  std::vector<int> expected;
  for (int i = 0; i < writes; ++i) {
    expected.push_back(i);
    if (i + 1 == one_batch) expected.push_back(-1);
    if (i + 1 == 2 * one_batch) expected.push_back(-2);
  }
  expected.insert(expected.end(), {-3, -4});
  EXPECT_EQ(order, expected);
}

TEST_F(InMemory, RunsAllThatWaitsBeforeItEnds) {
  hold();
  for (int i = 0; i < 5; ++i) start(database->read(note(i)));
  start(database->write(note(-1)));
  all_wait.set_value();
  database.reset();
  EXPECT_EQ(order, (std::vector<int>{-1, 0, 1, 2, 3, 4}));
  io.restart();
  io.run();
  EXPECT_EQ(answers.size(), 7U);
}

TEST_F(InMemory, SaysABrokenUniqueIsAConflict) {
  auto body = [&]() -> asio::awaitable<void> {
    auto job = [](Connection& db) { return insert(db, "a"); };
    EXPECT_TRUE(co_await database->write(job));
    auto again = co_await database->write(job);
    EXPECT_EQ(again.error().errc(), Errc::conflict);
  };
  run(body());
}

TEST(Migrations, RefuseADatabaseOfANewerMuster) {
  auto db = Connection::open(":memory:");
  ASSERT_TRUE(db && migrate(*db));
  ASSERT_TRUE(migrate(*db)) << "twice is harmless";
  ASSERT_TRUE(db->execute("INSERT INTO migrations VALUES (9999, 'future')"));
  auto refused = migrate(*db);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::unsupported);
  EXPECT_NE(refused.error().message.find("9999 future"), std::string::npos);
}

TEST(Cipher, OpensOnlyForItsRowAndItsKey) {
  Cipher cipher(Secret(std::string(32, 'k'))), other(Secret(std::string(32, 'x')));
  auto sealed = cipher.seal(Secret("riak"), "nodes/1/cookie");
  EXPECT_EQ(sealed.find("riak"), std::string::npos);
  EXPECT_NE(sealed, cipher.seal(Secret("riak"), "nodes/1/cookie"));
  EXPECT_EQ(cipher.open(sealed, "nodes/1/cookie")->reveal(), "riak");
  EXPECT_FALSE(cipher.open(sealed, "nodes/2/cookie"));
  EXPECT_FALSE(other.open(sealed, "nodes/1/cookie"));
  sealed[13] ^= 1;
  EXPECT_FALSE(cipher.open(sealed, "nodes/1/cookie"));
  EXPECT_FALSE(cipher.open("short", "nodes/1/cookie"));
}

}  // namespace
}  // namespace muster::store
