#include "services/access/audit_log.h"

#include <gtest/gtest.h>

namespace muster::access {
namespace {

using namespace std::chrono_literals;
using ops::Attempt;
using ops::Outcome;

Timestamp at(std::chrono::milliseconds time) {
  return Timestamp(std::chrono::milliseconds(1'000'000'000'000) + time);
}

Attempt attempt(std::string about = "", Outcome outcome = Outcome::ok,
                std::string caller = "token:ann") {
  Attempt made{"s.op", std::move(caller), "10.0.0.9", ops::Role::viewer, std::move(about), outcome};
  if (outcome == Outcome::refused) made.code = "forbidden";
  return made;
}

TEST(AuditLog, TheSameOfTheSameCallerWithinAMinuteIsOneEntryWithACount) {
  AuditLog log(7);
  for (int i = 0; i < 10'000; ++i) log.note(attempt("id=1", Outcome::refused), at(1ms * i));
  log.note(attempt("id=1", Outcome::refused, "token:bob"), at(20s));
  auto entries = log.unwritten();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].id, 7);
  EXPECT_EQ(entries[0].count, 10'000u);
  EXPECT_EQ(entries[0].at, at(0ms));
  EXPECT_EQ(entries[0].last_at, at(9999ms));
  EXPECT_EQ(entries[1].caller, "token:bob");
  log.written(entries, at(21s));
  EXPECT_FALSE(log.has_unwritten());
  log.note(attempt("id=1", Outcome::refused), at(30s));
  ASSERT_EQ(log.unwritten().size(), 1u);
  EXPECT_EQ(log.unwritten()[0].id, 7) << "the row is counted on";
  EXPECT_EQ(log.unwritten()[0].count, 10'001u);
  log.written(log.unwritten(), at(31s));
  log.note(attempt("id=1", Outcome::refused), at(60s));
  EXPECT_EQ(log.unwritten()[0].id, 9) << "another minute";
}

TEST(AuditLog, WhatComesWhileItIsWrittenIsWrittenNext) {
  AuditLog log;
  log.note(attempt("id=1"), at(0ms));
  auto entries = log.unwritten();
  log.note(attempt("id=1"), at(1ms));
  log.written(entries, at(2ms));
  ASSERT_EQ(log.unwritten().size(), 1u);
  EXPECT_EQ(log.unwritten()[0].count, 2u);
  log.written(entries, at(3ms));
  EXPECT_TRUE(log.has_unwritten()) << "told twice of the same";
}

TEST(AuditLog, OneThatNeverRestsKeepsNoOtherOpen) {
  AuditLog log;
  for (std::size_t i = 0; i < 300; ++i) {
    auto now = at(1s * i);
    log.note(attempt("flood", Outcome::refused, "token:bob"), now);
    for (int k = 0; k < 100; ++k)
      log.note(attempt(std::to_string(i) + "/" + std::to_string(k), Outcome::ok,
                       "token:" + std::to_string(k)),
               now);
    auto entries = log.unwritten();
    log.note(attempt("flood", Outcome::refused, "token:bob"), now);
    log.written(entries, now);
  }
  log.note(attempt("one more", Outcome::ok, "token:7"), at(300s));
  EXPECT_EQ(log.unwritten().back().about, "one more") << "30,000 kinds are no longer open";
}

TEST(AuditLog, EveryChangeHasItsEntry) {
  AuditLog log;
  for (int i = 0; i < 1000; ++i) log.note(attempt("id=" + std::to_string(i)), at(1ms * i));
  EXPECT_EQ(log.unwritten().size(), 1000u);
}

TEST(AuditLog, AFloodOfDifferentRefusalsIsAFewEntries) {
  AuditLog log;
  for (int i = 0; i < 100'000; ++i)
    log.note(attempt("id=" + std::to_string(i), Outcome::refused),
             at(std::chrono::milliseconds(i / 1000)));
  auto entries = log.unwritten();
  ASSERT_EQ(entries.size(), AuditLog::refused_kinds + 1);
  EXPECT_EQ(entries.back().operation, "others");
  EXPECT_EQ(entries.back().count, 100'000u - AuditLog::refused_kinds);
  EXPECT_EQ(entries.back().caller, "token:ann");
  log.note(attempt("id=1", Outcome::refused, "token:bob"), at(2s));
  EXPECT_EQ(log.unwritten().back().about, "id=1") << "another's are told apart";
}

TEST(AuditLog, WhoChangesALotDoesNotHideWhatOthersDo) {
  AuditLog log;
  for (int i = 0; i < 50'000; ++i)
    log.note(attempt("id=" + std::to_string(i)), at(1ms * (i / 1000)));
  log.note(attempt("name=evil", Outcome::ok, "token:bob"), at(1s));
  auto entries = log.unwritten();
  EXPECT_EQ(entries.size(), AuditLog::other_kinds + 2);
  EXPECT_EQ(entries.back().about, "name=evil");
  EXPECT_EQ(entries.back().caller, "token:bob");
}

TEST(AuditLog, ADiskThatDoesNotAnswerCostsABoundedAmountOfMemory) {
  AuditLog log;
  for (int i = 0; i < 20'000; ++i) log.note(attempt("id=" + std::to_string(i)), at(1s * i));
  EXPECT_LE(log.unwritten().size(), AuditLog::most_open + 1);
  std::uint64_t all = 0;
  for (auto& entry : log.unwritten()) all += entry.count;
  EXPECT_EQ(all, 20'000u);
}

TEST(AuditLog, AClockThatIsSetBackBeginsANewEntry) {
  AuditLog log;
  log.note(attempt("id=1"), at(1h));
  log.written(log.unwritten(), at(1h));
  log.note(attempt("id=1"), at(0s));
  EXPECT_EQ(log.unwritten()[0].count, 1u);
  EXPECT_EQ(log.unwritten()[0].at, at(0s));
}

}  // namespace
}  // namespace muster::access
