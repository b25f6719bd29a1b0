#pragma once

#include <gtest/gtest.h>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"

namespace muster::test {

/// What tests of alarms share: a daemon that asks nodes every second, whose built-in rules have
/// their usual thresholds but need not hold as long as usual (`tuning`), and waiting for alarms.
class AlarmTest : public testing::Test {
 protected:
  using Limit = std::chrono::milliseconds;
  using Json = boost::json::value;

  /// `env` is the daemon's.
  explicit AlarmTest(const std::string& tuning = {}, std::map<std::string, std::string> env = {});

  /// Adds the node and waits until it is up.
  void add(const std::string& name, boost::json::object spec = {});
  /// The agent `alarms` of this node looks at processes, code and applications every second from
  /// now on, which it does once a minute or hour by itself.
  void keep_looking(ErlNode& node) { looking_.push_back(&node); }
  void stop_looking() { looking_.clear(); }
  /// These metrics are read every second, which some are every ten minutes.
  void keep_reading(const std::string& node, const std::string& metric);
  /// Until the first values of the node have come, or of this metric of it.
  void wait_until_read(const std::string& node, const std::string& metric = "os_process.resident");
  /// Until values of this metric have come for so long that a rule over such a window decides.
  void wait_for_window(const std::string& node, const std::string& metric,
                       std::chrono::seconds window);
  /// Until the node's agent listens to what it is to hand on.
  void wait_for_agent(ErlNode& node, const std::string& agent);
  /// Until the node's agent listens to its scheduler and collector, and what it has counted of them
  /// so far is known.
  void wait_until_it_counts(ErlNode& node);

  boost::json::array list(const std::string& query);
  /// The alarm of this condition once it is there (with that severity; of that node), or was;
  /// null when it does not come.
  Json raised(const std::string& condition, const std::string& severity = {},
              Limit limit = std::chrono::seconds(40), const std::string& node = {});
  /// The newest past alarm of this condition once none is current.
  Json over(const std::string& condition, Limit limit = std::chrono::seconds(40));

  Epmd epmd_;
  Daemon daemon_;

 private:
  void look();

  std::vector<ErlNode*> looking_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace muster::test
