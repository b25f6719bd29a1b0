#include "base/loop_meter.h"

#include <ctime>

namespace muster {
namespace {

std::chrono::nanoseconds thread_cpu() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void LoopMeter::run(asio::io_context& io) {
  begin(ticks(), thread_cpu);
  while (io.run_one() > 0) turn_ended(ticks(), thread_cpu);
}

void LoopMeter::look(std::uint64_t took, std::uint64_t now, Clock::duration used) {
  auto spent = used - used_;
  used_ = used;
  looked_ = now;
  // Else there were several, each of less than that; or it waited for work.
  if (took < ticks_to_look || spent < std::chrono::milliseconds(1)) return;
  longest_.add(spent, Clock::now());
  turns_.add(spent);
}

}  // namespace muster
