#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "daemon.h"
#include "epmd.h"
#include "stranger.h"

namespace muster::test {

/// Outsiders who would make the daemon hold memory or places without end, against a daemon with a
/// budget of 64 MiB for them. A test fails when an honest user (`ask`) waited for more than a
/// second, or the daemon has held more than its budget and what it is slack with.
class AttackMemory : public testing::Test {
 protected:
  using Crowd = std::deque<std::unique_ptr<Stranger>>;

  static constexpr long budget_mib = 64, slack_mib = 64;

  AttackMemory();
  void TearDown() override;

  /// KiB that the kernel counts for the daemon as "VmRSS", or "VmHWM" for the most so far.
  long memory(const std::string& what) const;
  /// What it holds now is what it is compared with from here on.
  void forget_peak();
  /// A request of an honest user, who comes on a connection of its own.
  HttpReply ask(const std::string& path = "/api/topo/nodes");
  /// The text of a request; `more` are whole header lines.
  std::string request(const std::string& line, const std::string& more = {},
                      const std::string& token = {}) const;
  /// One more of the crowd, at the REST door.
  Stranger& come(Crowd& crowd) const;
  /// How often the daemon has let go of what outsiders made it hold.
  std::size_t losses();
  /// Where it listens for nodes, as epmd says.
  std::uint16_t dist_port() const;

  Epmd epmd_;
  Daemon daemon_;
  std::string viewer_;  ///< a token
  long idle_ = 0;       ///< KiB
  std::chrono::milliseconds slowest_{0};
};

}  // namespace muster::test
