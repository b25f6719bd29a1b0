#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "process.h"
#include "temp_dir.h"

namespace muster::test {

class Daemon;

/// Who else is there while a daemon is attacked: honest nodes (simulated ones) that it watches, and
/// an honest user who asks for one of them ten times a second. Ends with this object.
///
/// With MUSTER_BYSTANDERS=100 in the environment every Daemon has so many, and prints the figures
/// when it ends: what `tests/bench/attacks` collects.
class Bystanders {
 public:
  struct Figures {
    double slowest_answer = 0;  ///< seconds, of the honest user's requests
    unsigned asked = 0, unanswered = 0;
    double longest_turn = 0;  ///< seconds of CPU, of one turn of the daemon's loop
    long memory = 0;          ///< KiB, the most that the daemon had over its idle size
    long down = 0;            ///< honest nodes that are not UP at the end
  };

  /// Returns when all nodes are UP and what that took is no longer among the daemon's figures.
  Bystanders(const Daemon& daemon, unsigned nodes);
  ~Bystanders();

  /// While the test itself has it stopped, nobody asks.
  void daemon_is_away(bool is_away) { is_away_ = is_away; }
  Figures figures();

 private:
  void add_nodes();
  void ask();
  void run();

  const Daemon& daemon_;
  unsigned nodes_;
  TempDir dir_;
  std::unique_ptr<Process> farm_;
  long idle_ = 0;
  Figures figures_;
  std::atomic<bool> is_over_ = false, is_away_ = false;
  std::thread asking_;
};

}  // namespace muster::test
