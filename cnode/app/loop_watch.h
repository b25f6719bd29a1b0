#pragma once

#include "base/late_loop.h"
#include "base/loop_meter.h"
#include "base/task_group.h"
#include "services/metrics/health.h"

namespace muster::app {

/// Looks after the loop: how late it runs a timer, how long its turns take. Puts both on the health
/// sheet and tells when the loop is late for good, or its turns are long: a quarter of a second of
/// CPU, where a millisecond is usual. Owned by the daemon; lives on the loop.
class LoopWatch {
 public:
  /// Called once at the start and then whenever it changes: whether the loop is late, and how.
  using Tell = std::function<void(bool is_late, const std::string& how)>;

  LoopWatch(asio::any_io_executor executor, const LoopMeter& meter)
      : meter_(meter), running_(executor) {}
  void on_change(Tell tell) { tell_ = std::move(tell); }
  void start() { running_.spawn("lateness of the loop", run_watching()); }
  asio::awaitable<void> stop();
  void put(metrics::HealthSheet& sheet) const;

 private:
  asio::awaitable<void> run_watching();

  const LoopMeter& meter_;
  Tell tell_;
  Histogram lateness_;
  RecentMost latest_;
  LateLoop late_, slow_{std::chrono::milliseconds(250)};
  TaskGroup running_;
};

}  // namespace muster::app
