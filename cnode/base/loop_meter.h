#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>

#include "base/histogram.h"
#include "base/recent_most.h"
#include "base/turn.h"

namespace muster {

/// How long the turns of the loop take (a turn is one handler of the io_context), by the CPU time
/// of its thread: waiting for work, for a CPU or for SIGCONT is no part of it. Runs the loop.
///
/// It costs a few nanoseconds a turn: the CPU clock, which is a system call, is read at most once
/// per millisecond, and a turn that seems longer than that is charged what was used since it was
/// read last. So what is said of a turn is at most a millisecond too much; turns below a
/// millisecond are not counted at all. Lives on the loop's thread.
class LoopMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// As io.run().
  void run(asio::io_context& io);

  const RecentMost& longest() const { return longest_; }
  /// The turns of a millisecond and more.
  const Histogram& turns() const { return turns_; }

  /// The decisions of run(), apart from the clocks: when a turn began the first time, and at the
  /// end of each. `cpu` gives the thread's CPU time.
  template <class Cpu>
  void begin(std::uint64_t now, Cpu cpu) {
    ended_ = looked_ = now;
    used_ = cpu();
  }
  template <class Cpu>
  void turn_ended(std::uint64_t now, Cpu cpu) {
    auto took = now - ended_;
    ended_ = now;
    if (now - looked_ >= ticks_to_look) look(took, now, cpu());
  }

 private:
  void look(std::uint64_t took, std::uint64_t now, Clock::duration used);

  std::uint64_t ended_ = 0, looked_ = 0;  ///< ticks: of the last turn's end, of the last look
  Clock::duration used_{};                ///< CPU time at the last look
  RecentMost longest_;
  Histogram turns_;
};

}  // namespace muster
