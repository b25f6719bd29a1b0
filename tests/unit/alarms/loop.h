#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "ops/table.h"
#include "services/alarms/desk.h"
#include "store/cipher.h"

namespace muster::alarms {

/// A clock whose hands the test turns.
class HandClock final : public Clock {
 public:
  Timestamp now() const override { return now_; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  void turn(std::chrono::milliseconds by) { now_ += by; }

 private:
  Timestamp now_{std::chrono::hours(480'000)};
};

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
    std::optional<R> result;
    auto body = [&]() -> asio::awaitable<void> { result.emplace(co_await std::move(task)); };
    asio::co_spawn(io, body(), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
    io.restart();
    while (!result && io.run_one()) continue;
    return std::move(*result);
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
  HandClock clock;
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
