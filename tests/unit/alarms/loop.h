#pragma once

#include <gtest/gtest.h>

#include "ops/table.h"
#include "services/alarms/desk.h"
#include "store/cipher.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"

namespace muster::alarms {

/// The desk over a database in memory, asked as doors do.
class DeskTest : public testing::Test {
 protected:
  DeskTest() { begin(); }
  ~DeskTest() override { end(); }

  void begin() {
    desk = std::make_unique<Desk>(io.get_executor(), *database, *events, clock);
    table = std::make_unique<ops::Table>();
    table->add(desk->operations());
    auto started = wait(desk->start());
    EXPECT_TRUE(started) << started.error().text();
  }
  void end() {
    auto stopping = [this]() -> asio::awaitable<bool> {
      co_await desk->stop();
      co_return true;
    };
    if (desk) wait(stopping());
    table.reset();
    desk.reset();
  }

  template <class R>
  R wait(asio::awaitable<R> task) {
    return test::finish(io, std::move(task));
  }
  Result<ops::json::value> call(std::string name, ops::json::object args,
                                ops::Role role = ops::Role::admin) {
    auto* operation = table->find("alarms", name);
    ops::Caller caller;
    caller.name = "token:ann";
    caller.role = role;
    return wait(operation->call(ops::json::value(std::move(args)), std::move(caller)));
  }

  static Report report(std::string condition, Severity severity = Severity::minor,
                       std::string node = "n1") {
    Report report;
    report.subject = {Scope::node, node, node + "@h", "f1", "shop"};
    report.condition = std::move(condition);
    report.severity = severity;
    report.tags = {"dev", "op"};
    return report;
  }

  asio::io_context io{1};
  test::HandClock clock;
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  std::unique_ptr<ops::EventBus> events = [this] {
    auto bus = std::make_unique<ops::EventBus>(io.get_executor(), clock);
    bus->declare(Desk::topics());
    return bus;
  }();
  std::unique_ptr<Desk> desk;
  std::unique_ptr<ops::Table> table;
};

}  // namespace muster::alarms
