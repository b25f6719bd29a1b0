#include "services/access/audit.h"

#include <gtest/gtest.h>

#include "ops/table.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"

namespace muster::access {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using ops::Outcome;

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    audit_.emplace(io_.get_executor(), *database_, clock_);
    table_.add(audit_->operations());
    EXPECT_TRUE(test::finish(io_, audit_->start()));
  }
  ~AuditTest() override { test::finish(io_, audit_->stop()); }

  void note(std::string operation, std::string caller = "token:ann", Outcome outcome = Outcome::ok,
            std::string about = "id=1") {
    audit_->note({std::move(operation), std::move(caller), "10.0.0.9", ops::Role::operator_,
                  std::move(about), outcome, outcome == Outcome::ok ? "" : "forbidden"});
    clock_.turn(1s);
  }
  json::array ask(json::object args, ops::Role role = ops::Role::admin) {
    ops::Caller caller{"token:admin", role, {}, {}};
    auto page = test::finish(
        io_, table_.find("muster", "audit")->call(json::value(std::move(args)), caller));
    if (!page) return {json::value(page.error().text())};
    next_ = page->as_object().contains("next") ? page->at("next").as_string().c_str() : "";
    return page->at("items").as_array();
  }

  asio::io_context io_;
  test::HandClock clock_;
  std::unique_ptr<store::Database> database_ = *store::Database::open_in_memory();
  ops::Table table_;
  std::optional<Audit> audit_;
  std::string next_;
};

TEST_F(AuditTest, ShowsWhoDidWhatWhenFromWhereAndHowItEndedTheNewestFirst) {
  note("topology.add_node");
  note("alarms.clear", "token:bob", Outcome::refused, "");
  auto all = ask({});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].at("operation"), "alarms.clear");
  EXPECT_EQ(all[0].at("outcome"), "refused");
  EXPECT_EQ(all[0].at("code"), "forbidden");
  EXPECT_EQ(all[1].at("caller"), "token:ann");
  EXPECT_EQ(all[1].at("role"), "operator");
  EXPECT_EQ(all[1].at("from"), "10.0.0.9");
  EXPECT_EQ(all[1].at("about"), "id=1");
  EXPECT_EQ(all[1].at("outcome"), "ok");
  EXPECT_FALSE(all[1].as_object().contains("code"));
}

TEST_F(AuditTest, IsFilteredAndComesInPages) {
  auto began = clock_.now();
  note("topology.add_node");
  note("topology.remove_node");
  note("alarms.clear", "token:bob", Outcome::refused);
  EXPECT_EQ(ask({{"caller", "token:bob"}}).size(), 1u);
  EXPECT_EQ(ask({{"operation", "topology"}}).size(), 2u);
  EXPECT_EQ(ask({{"operation", "topology.add_node"}}).size(), 1u);
  EXPECT_EQ(ask({{"operation", "topology.add"}}).size(), 0u);
  EXPECT_EQ(ask({{"outcome", "refused"}}).size(), 1u);
  EXPECT_EQ(ask({{"from", "10.0.0.8"}}).size(), 0u);
  EXPECT_EQ(ask({{"about", "id=1"}}).size(), 3u);
  auto second = ops::to_json(began + 1s);
  EXPECT_EQ(ask({{"since", second}}).size(), 2u);
  EXPECT_EQ(ask({{"until", second}}).size(), 1u);
  auto page = ask({{"limit", 2}});
  ASSERT_EQ(page.size(), 2u);
  page = ask({{"limit", 2}, {"after", next_}});
  ASSERT_EQ(page.size(), 1u);
  EXPECT_EQ(page[0].at("operation"), "topology.add_node");
  EXPECT_EQ(next_, "");
}

TEST_F(AuditTest, IsForAdminsAndSurvivesARestart) {
  note("topology.add_node");
  auto refused = ask({}, ops::Role::operator_);
  EXPECT_TRUE(refused.at(0).is_string()) << "an error";
  test::finish(io_, audit_->stop());
  Audit again(io_.get_executor(), *database_, clock_);
  ASSERT_TRUE(test::finish(io_, again.start()));
  again.note({"alarms.clear", "token:ann", {}, ops::Role::admin, {}});
  test::finish(io_, again.stop());
  EXPECT_EQ(ask({}).size(), 2u);
}

TEST_F(AuditTest, WhoFillsItLosesHisOwnOldest) {
  AuditRows rows(*database_, 100);
  std::int64_t id = 0;
  auto put = [&](std::string caller, int count) {
    std::vector<AuditEntry> entries(static_cast<std::size_t>(count));
    for (auto& entry : entries) {
      entry.id = ++id;
      entry.caller = caller;
    }
    ASSERT_TRUE(test::finish(io_, rows.put(std::move(entries))));
  };
  put("token:honest", 20);
  for (int i = 0; i < 10; ++i) put("token:flood", 50);
  auto kept = [&](std::string caller) {
    AskAudit request;
    request.limit = 1000;
    request.caller = caller;
    return test::finish(io_, rows.find(std::move(request)))->items;
  };
  EXPECT_EQ(kept("token:honest").size(), 20u);
  ASSERT_LE(kept("token:flood").size(), 80u);
  EXPECT_EQ(kept("token:flood").front().id, id) << "its newest";
}

}  // namespace
}  // namespace muster::access
