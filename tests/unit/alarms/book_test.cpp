#include "services/alarms/book.h"

#include <gtest/gtest.h>

namespace muster::alarms {
namespace {

Timestamp at(int seconds) {
  return Timestamp(std::chrono::seconds(seconds));
}

Report report(std::string condition = "process_limit", Severity severity = Severity::minor,
              std::string node = "n1") {
  Report report;
  report.subject = {Scope::node, node, node + "@h", "f1", "shop"};
  report.condition = std::move(condition);
  report.severity = severity;
  return report;
}

TEST(AlarmBook, RaisesOnceAndCountsFromThen) {
  Book book;
  auto first = book.raise(report(), at(1), "a");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->action, Action::raised);
  EXPECT_EQ(first->alarm.state, State::new_);
  EXPECT_EQ(first->alarm.node->text, "n1@h");
  auto again = book.raise(report(), at(9), "b");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->action, Action::raised_again);
  EXPECT_EQ(again->alarm.id, "a");
  EXPECT_EQ(again->alarm.count, 2u);
  EXPECT_EQ(again->alarm.event_time, at(1));
  EXPECT_EQ(again->alarm.raised_at, at(9));
  EXPECT_EQ(book.all().size(), 1u);
}

TEST(AlarmBook, KeepsOneAlarmWhileItsSeverityChanges) {
  Book book;
  book.raise(report(), at(1), "a");
  ASSERT_TRUE(book.acknowledge("a", "token:ann", at(2), "on it"));
  auto worse = book.raise(report("process_limit", Severity::major), at(3), "b");
  ASSERT_TRUE(worse);
  EXPECT_EQ(worse->action, Action::severity_changed);
  EXPECT_EQ(worse->alarm.id, "a");
  EXPECT_EQ(worse->alarm.trend, Trend::more_severe);
  EXPECT_EQ(worse->alarm.state, State::new_) << "somebody must look again";
  auto better = book.raise(report(), at(4), "b");
  EXPECT_EQ(better->alarm.trend, Trend::less_severe);
}

TEST(AlarmBook, TellsWhoDidWhatWhen) {
  Book book;
  book.raise(report(), at(1), "a");
  ASSERT_TRUE(book.acknowledge("a", "token:ann", at(2), "on it"));
  ASSERT_TRUE(book.comment("a", "token:bob", at(3), "it is the importer"));
  auto over = book.clear_by_hand("a", "token:ann", at(4), "restarted it");
  ASSERT_TRUE(over);
  auto& alarm = over->alarm;
  EXPECT_EQ(alarm.state, State::cleared);
  EXPECT_EQ(alarm.cleared_at, at(4));
  EXPECT_EQ(alarm.comments.at(0).by, "token:bob");
  std::string told;
  for (auto& deed : alarm.history)
    told += deed.by + " " + std::to_string(static_cast<int>(deed.action)) + " " +
            deed.text.value_or("-") + "\n";
  EXPECT_EQ(told,
            "rule 0 -\ntoken:ann 3 on it\ntoken:bob 4 it is the importer\ntoken:ann 5 restarted "
            "it\n");
  EXPECT_FALSE(book.acknowledge("a", "x", at(5), std::nullopt)) << "it is over";
  EXPECT_TRUE(book.all().empty());
}

TEST(AlarmBook, TellsSubjectsInstancesAndSourcesApart) {
  Book book;
  book.raise(report(), at(1), "a");
  book.raise(report("process_limit", Severity::minor, "n2"), at(1), "b");
  auto disk = report("disk_capacity");
  disk.instance = "/";
  book.raise(disk, at(1), "c");
  disk.instance = "/data";
  book.raise(disk, at(1), "d");
  auto sasl = report();
  sasl.source = Source::sasl;
  book.raise(sasl, at(1), "e");
  EXPECT_EQ(book.all().size(), 5u);
  auto over = book.clear(disk.subject, Source::builtin, "disk_capacity", "/", "better", at(2));
  ASSERT_TRUE(over);
  EXPECT_EQ(over->alarm.id, "c");
  EXPECT_FALSE(book.clear(disk.subject, Source::builtin, "disk_capacity", "/", "again", at(2)));
}

TEST(AlarmBook, AClearedConditionIsANewAlarmNextTime) {
  Book book;
  book.raise(report(), at(1), "a");
  book.clear(report().subject, Source::builtin, "process_limit", "", "", at(2));
  auto next = book.raise(report(), at(3), "b");
  EXPECT_EQ(next->action, Action::raised);
  EXPECT_EQ(next->alarm.id, "b");
}

TEST(AlarmBook, NamesWhatWasWrongAlreadyThere) {
  Book book;
  book.raise(report("long_gc"), at(1), "a");
  auto second = book.raise(report(), at(2), "b");
  EXPECT_EQ(second->alarm.correlated_events, std::vector<std::string>{"a"});
}

TEST(AlarmBook, RefusesASubjectsFlood) {
  Book book;
  for (std::size_t i = 0; i < Book::most_per_subject; ++i) {
    auto one = report();
    one.instance = std::to_string(i);
    ASSERT_TRUE(book.raise(one, at(1), "id" + std::to_string(i)));
  }
  auto more = report();
  more.instance = "more";
  EXPECT_FALSE(book.raise(more, at(1), "x"));
  EXPECT_EQ(book.refused(), 1u);
  EXPECT_FALSE(book.raise(report("mnesia/my_quota"), at(1), "x")) << "the node's own name for it";
  EXPECT_TRUE(book.raise(report("node_down"), at(1), "down"));
  EXPECT_TRUE(book.raise(report("process_limit", Severity::minor, "n2"), at(1), "y"));
}

TEST(AlarmBook, KeepsTheBeginningAndTheEndOfALongHistory) {
  Book book;
  book.raise(report(), at(0), "a");
  for (int i = 1; i < 1000; ++i)
    book.raise(report("process_limit", i % 2 ? Severity::major : Severity::minor), at(i), "b");
  auto& history = book.find("a")->history;
  EXPECT_EQ(history.size(), Book::most_deeds);
  EXPECT_EQ(history.front().at, at(0));
  EXPECT_EQ(history.back().at, at(999));
}

TEST(AlarmBook, ClearsWhatIsChosenOfASubject) {
  Book book;
  book.raise(report("a"), at(1), "a");
  book.raise(report("b"), at(1), "b");
  auto over = book.clear_all(
      report().subject, [](const Alarm& alarm) { return alarm.condition == "a"; }, "gone", at(2));
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(over[0].alarm.id, "a");
  EXPECT_TRUE(book.find("b"));
}

TEST(AlarmBook, GoesOnWithWhatWasStored) {
  Book book;
  auto stored = book.raise(report(), at(1), "a")->alarm;
  Book next;
  next.restore(stored);
  EXPECT_EQ(next.raise(report(), at(2), "b")->alarm.id, "a");
}

// Each of a node's 1,000 alarms had 16 KiB of evidence, which may be 200 KiB of memory.
TEST(AlarmBook, TheEvidenceOfOneNodeIsBoundedInSum) {
  Book book;
  auto raise = [&](const std::string& condition, const std::string& node) {
    auto one = report(condition, Severity::minor, node);
    one.evidence = ops::json::array(1000, "evidence");
    return book.raise(one, at(1), node + condition)->alarm;
  };
  auto is_whole = [](const Alarm& alarm) { return alarm.additional_information->is_array(); };
  for (int again = 0; again < 2; ++again)
    for (int i = 0; i < 1000; ++i) raise(std::to_string(i), "evil");
  std::size_t held = 0;
  for (auto& [id, alarm] : book.all()) held += memory_of(*alarm.additional_information);
  EXPECT_LT(held, EvidenceShare::most + book.all().size() * 200);
  EXPECT_TRUE(is_whole(raise("another", "good"))) << "others have their own share";
  EXPECT_TRUE(is_whole(raise("node_down", "evil"))) << "what is seen here has its place";
  EXPECT_FALSE(is_whole(raise("999", "evil")));
  book.clear_all(
      report("", {}, "evil").subject, [](auto&) { return true; }, "better", at(2));
  EXPECT_TRUE(is_whole(raise("999", "evil")));
}

}  // namespace
}  // namespace muster::alarms
