#include "loop.h"

namespace muster::alarms {
namespace {

using ops::json::object;

std::string conditions(const ops::json::value& page) {
  std::string text;
  for (auto& item : page.at("items").as_array())
    text += std::string(item.at("condition").as_string()) + " ";
  return text;
}

TEST_F(DeskTest, ListsCurrentAlarmsUnderEveryFilter) {
  desk->raise(report("a", Severity::warning));
  clock.turn(std::chrono::seconds(1));
  desk->raise(report("b", Severity::major, "n2"));
  clock.turn(std::chrono::seconds(1));
  auto sasl = report("c", Severity::indeterminate);
  sasl.source = Source::sasl;
  sasl.tags = {"op"};
  desk->raise(sasl);
  EXPECT_EQ(conditions(*call("list", {})), "c b a ");
  EXPECT_EQ(conditions(*call("list", {{"severity", "minor"}})), "b ");
  EXPECT_EQ(conditions(*call("list", {{"source", "sasl"}})), "c ");
  EXPECT_EQ(conditions(*call("list", {{"node", "n2@h"}})), "b ");
  EXPECT_EQ(conditions(*call("list", {{"family", "shop"}, {"tags", "dev,op"}})), "b a ");
  EXPECT_EQ(conditions(*call("list", {{"state", "acknowledged"}})), "");
  auto first = call("list", {{"limit", 2}});
  EXPECT_EQ(conditions(*first), "c b ");
  EXPECT_EQ(conditions(*call("list", {{"limit", 2}, {"after", first->at("next")}})), "a ");
}

TEST_F(DeskTest, PeopleAcknowledgeCommentAndClear) {
  desk->raise(report("a"));
  auto id = desk->book().all().begin()->first;
  auto acknowledged = call("acknowledge", {{"id", id}, {"comment", "on it"}});
  ASSERT_TRUE(acknowledged) << acknowledged.error().text();
  EXPECT_EQ(acknowledged->at("state"), "acknowledged");
  EXPECT_EQ(acknowledged->at("ack_info").at("by"), "token:ann");
  ASSERT_TRUE(call("comment", {{"id", id}, {"text", "the importer"}}));
  auto over = call("clear", {{"id", id}});
  ASSERT_TRUE(over);
  EXPECT_EQ(over->at("state"), "cleared");
  EXPECT_EQ(conditions(*call("list", {})), "");
  EXPECT_EQ(conditions(*call("history", {})), "a ");
  EXPECT_EQ(conditions(*call("list", {{"state", "cleared"}})), "a ");
  EXPECT_EQ(conditions(*call("history", {{"tags", "dba"}})), "");
  auto whole = call("get", {{"id", id}});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->at("history").as_array().size(), 4u);
  auto late = call("acknowledge", {{"id", id}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().errc(), Errc::not_found);
  EXPECT_EQ(late.error().field, "/id");
}

TEST_F(DeskTest, ViewersReadAndOperatorsAct) {
  desk->raise(report("a"));
  auto id = desk->book().all().begin()->first;
  EXPECT_TRUE(call("get", {{"id", id}}, ops::Role::viewer));
  auto refused = call("clear", {{"id", id}}, ops::Role::viewer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::forbidden);
  EXPECT_TRUE(call("clear", {{"id", id}}, ops::Role::operator_));
}

TEST_F(DeskTest, CurrentAlarmsSurviveARestartWithTheirEvidence) {
  auto one = report("a");
  one.evidence = object{{"pid", "<0.99.0>"}, {"len", 5001}};
  one.threshold = Threshold{"queue", std::nullopt, 5001, 5000, 4000};
  desk->raise(one);
  auto id = desk->book().all().begin()->first;
  end();
  begin();
  auto again = call("get", {{"id", id}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->at("additional_information").at("len"), 5001);
  EXPECT_EQ(again->at("threshold").at("raise"), 5000.0);
  desk->clear(one.subject, one.source, "a", "", "better");
  EXPECT_TRUE(desk->book().all().empty());
}

TEST_F(DeskTest, SaysEveryChangeButCoalescesWhatComesAgainAndAgain) {
  auto heard = *events->subscribe({"alarms"});
  for (int i = 0; i < 1000; ++i) desk->raise(report("a"));
  auto id = desk->book().all().begin()->first;
  ASSERT_TRUE(call("acknowledge", {{"id", id}}));
  std::string actions;
  while (auto delivery = heard->try_next()) {
    auto* change = std::get<ops::EventPtr>(*delivery)->as<AlarmEvent>();
    actions += std::to_string(static_cast<int>(change->action)) + " ";
  }
  EXPECT_EQ(actions, "0 1 3 ");
  EXPECT_EQ(call("get", {{"id", id}})->at("count"), 1000);
}

// A node that told of other evidence each time made the daemon write ten times a second.
TEST_F(DeskTest, AnAlarmRaisedAgainWithOtherEvidenceIsWrittenEvery10SecondsOnly) {
  auto raise = [&](int number) {
    auto one = report("a");
    one.evidence = object{{"number", number}};
    desk->raise(one);
  };
  auto written = [&]() -> std::int64_t {
    call("get", {{"id", "none"}});  // what waits is written before
    auto rows = wait(AlarmRows(*database).current());
    return rows->at(0).additional_information->at("number").as_int64();
  };
  raise(1);
  EXPECT_EQ(written(), 1) << "at once";
  raise(2);
  EXPECT_EQ(written(), 2) << "at once";
  for (int i = 3; i <= 100; ++i) {
    raise(i);
    if (i % 10 == 0) {
      EXPECT_EQ(written(), 2);
    }
  }
  clock.turn(std::chrono::seconds(10));
  desk->raise_held();
  EXPECT_EQ(written(), 100) << "the newest";
  raise(101);
  EXPECT_EQ(written(), 100);
  end();
  EXPECT_EQ(wait(AlarmRows(*database).current())->at(0).additional_information->at("number"), 101)
      << "a clean end writes it";
}

TEST_F(DeskTest, OneNodesPastDoesNotTakeThePlaceOfTheOthers) {
  end();
  auto fill = [](store::Connection& db) -> Result<> {
    constexpr auto past =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
        " INSERT INTO alarms (id, condition, node_id, source, severity, state, tags, cleared_at,"
        " document) SELECT coalesce(?1, 'none') || i, 'c', ?1, 'builtin', 3, 'cleared', ',',"
        " i + ?3, '{}' FROM n";
    TRYV(store::Statement(db, past).bind("quiet").bind(3).bind(0).run());
    TRYV(store::Statement(db, past).bind(std::nullopt).bind(2100).bind(0).run());
    return store::Statement(db, past).bind("loud").bind(2100).bind(10'000).run();
  };
  auto filled = wait(database->write(fill));
  ASSERT_TRUE(filled) << filled.error().text();
  begin();
  auto count = [](store::Connection& db) -> Result<std::string> {
    store::Statement s(db,
                       "SELECT coalesce(node_id, 'none'), count(*), min(cleared_at) FROM alarms"
                       " GROUP BY 1 ORDER BY 1");
    std::string all;
    while (s.step()) all += fmt::format("{} {} from {}; ", s.text(0), s.integer(1), s.integer(2));
    return all;
  };
  EXPECT_EQ(*wait(database->read(count)),
            "loud 2000 from 10101; none 2100 from 1; quiet 3 from 1; ");
}

// Each filter read all rows with their documents: 80 ms of the database for 50,000.
TEST_F(DeskTest, AFilterOfPastAlarmsReadsTheDocumentsOfThoseItTakesOnly) {
  desk->raise(report("rare", Severity::critical));
  ASSERT_TRUE(call("clear", {{"id", desk->book().all().begin()->first}}));
  constexpr auto others =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
      " INSERT INTO alarms SELECT 'past' || i, 'c', 'm' || i, 'm' || i || '@h', 'f', 'g', 'user',"
      " 0, 'cleared', ',x,', 5000000000000 + i, hex(randomblob(2000)) FROM n";
  auto fill = [](store::Connection& db) { return store::Statement(db, others).run(); };
  ASSERT_TRUE(wait(database->write(fill)));
  auto pages_read = [](store::Connection& db) -> Result<int> {
    int count = 0, unused = 0;
    sqlite3_db_status(db.handle(), SQLITE_DBSTATUS_CACHE_HIT, &count, &unused, 1);
    return count;
  };
  for (auto& filter :
       {ops::json::object{{"condition", "rare"}}, ops::json::object{{"node", "n1@h"}},
        ops::json::object{{"node", "n1"}}, ops::json::object{{"family", "shop"}},
        ops::json::object{{"family", "f1"}}, ops::json::object{{"tags", "dev"}},
        ops::json::object{{"severity", "critical"}}, ops::json::object{{"source", "builtin"}}}) {
    wait(database->read(pages_read));
    auto found = call("history", filter);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->at("items").as_array().size(), 1u) << filter;
    EXPECT_LT(*wait(database->read(pages_read)), 500) << filter;
  }
}

TEST_F(DeskTest, RefusesTextWithoutEnd) {
  desk->raise(report("a"));
  auto id = desk->book().all().begin()->first;
  auto refused = call("comment", {{"id", id}, {"text", std::string(5000, 'x')}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "/text");
}

}  // namespace
}  // namespace muster::alarms
