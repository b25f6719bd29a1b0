#include "ops/bounds.h"

#include <gtest/gtest.h>

#include "ops/table.h"
#include "tests/unit/support/loop.h"

namespace muster::ops {
namespace {

struct Ask {
  std::optional<std::string> family;
  std::vector<std::string> nodes;
};
BOOST_DESCRIBE_STRUCT(Ask, (), (family, nodes))

class BoundsTest : public testing::Test {
 protected:
  BoundsTest() {
    FamilyLookup lookup;
    lookup.family = [](const std::string& name) -> FamilyLookup::Ids {
      if (name == "shop" || name == "f1") return {"f1"};
      if (name == "bank") return {"f2"};
      if (name == "twice") return {"f1", "f2"};  // the name of one is the id of the other
      return {};
    };
    lookup.node = [](const std::string& name) -> FamilyLookup::Ids {
      if (name == "shop1@h") return {"f1"};
      if (name == "bank1@h") return {"f2"};
      return {};
    };
    table_.set_families(lookup);
    add("ask", {.family = "family", .node = "nodes"});
    add("all", {});
    add("free", {.is_nobodys = true});
    bound_.name = "token:shop";
    bound_.role = Role::admin;
    bound_.families = {"f1"};
  }
  void add(std::string name, Subject subject) {
    Row row{"s", name, {"GET", "/" + name}, Role::viewer, "…"};
    row.subject = std::move(subject);
    auto handler = [](Ask, Caller) { return Result<Empty>(Empty{}); };
    table_.add(immediate_operation<Ask, Empty>(std::move(row), handler));
  }
  std::string outcome(std::string name, json::value args) {
    auto reply = test::finish(io_, table_.find("s", name)->call(std::move(args), bound_));
    return reply ? "ok" : std::string(name_of(reply.error().errc()));
  }

  asio::io_context io_;
  Table table_;
  Caller bound_;
};

TEST_F(BoundsTest, ABoundCallerAsksAboutItsOwnAlone) {
  EXPECT_EQ(outcome("ask", {{"family", "shop"}}), "ok");
  EXPECT_EQ(outcome("ask", {{"family", "f1"}}), "ok");
  EXPECT_EQ(outcome("ask", {{"nodes", {"shop1@h"}}}), "ok");
  EXPECT_EQ(outcome("ask", {{"family", "bank"}}), "forbidden");
  EXPECT_EQ(outcome("ask", {{"nodes", {"shop1@h", "bank1@h"}}}), "forbidden") << "one of many";
  EXPECT_EQ(outcome("ask", {{"family", "shop"}, {"nodes", {"bank1@h"}}}), "forbidden");
  EXPECT_EQ(outcome("ask", {{"family", "bank"}, {"nodes", {"shop1@h"}}}), "forbidden");
}

TEST_F(BoundsTest, ItMustSayWhatItAsksAbout) {
  EXPECT_EQ(outcome("ask", json::object()), "forbidden");
  EXPECT_EQ(outcome("ask", {{"nodes", json::array()}}), "forbidden");
  EXPECT_EQ(outcome("ask", {{"family", nullptr}}), "forbidden");
}

TEST_F(BoundsTest, WhatNobodyKnowsIsNotItsOwn) {
  EXPECT_EQ(outcome("ask", {{"family", "nope"}}), "forbidden");
  EXPECT_EQ(outcome("ask", {{"nodes", {"nope@h"}}}), "forbidden");
  EXPECT_EQ(outcome("ask", {{"family", "twice"}}), "forbidden") << "of another, too";
}

TEST_F(BoundsTest, WhatIsAboutNoFamilyIsNotForIt) {
  EXPECT_EQ(outcome("all", json::object()), "forbidden");
  EXPECT_EQ(outcome("all", {{"family", "shop"}}), "forbidden");
  EXPECT_EQ(outcome("free", json::object()), "ok");
}

TEST_F(BoundsTest, ASubjectThatIsNoMemberIsABug) {
  EXPECT_THROW(add("bug", {.node = "id"}), std::logic_error);
}

}  // namespace
}  // namespace muster::ops
