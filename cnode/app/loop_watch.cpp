#include "app/loop_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

namespace muster::app {
namespace {

using std::chrono::steady_clock;

constexpr auto look_every = std::chrono::milliseconds(200);

/// How long this thread worked and how long it waited for a CPU, as the kernel counts it.
std::chrono::nanoseconds worked_or_waited() {
  std::array<char, 128> text{};
  int file = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  auto count = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  if (count <= 0) return {};
  char* rest = nullptr;
  auto worked = std::strtoll(text.data(), &rest, 10);
  return std::chrono::nanoseconds(worked + std::strtoll(rest, nullptr, 10));
}

double seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void put_most(metrics::HealthSheet& sheet, std::string_view name, std::string_view help,
              const RecentMost& most) {
  auto now = steady_clock::now();
  auto put = [&](const char* window, steady_clock::duration value) {
    sheet.gauge(name, help, seconds(value), {{"window", window}});
  };
  put("10s", most.within(std::chrono::seconds(10), now));
  put("minute", most.within(std::chrono::seconds(60), now));
  put("start", most.ever());
}

}  // namespace

asio::awaitable<void> LoopWatch::run_watching() {
  asio::steady_timer timer(running_.executor());
  auto before = worked_or_waited();
  std::optional<bool> told;
  steady_clock::duration last{};
  for (;;) {
    timer.expires_after(look_every);
    co_await timer.async_wait(asio::use_awaitable);
    auto now = steady_clock::now();
    auto by = now - timer.expiry();
    auto busy = worked_or_waited();
    lateness_.add(by);
    latest_.add(by, now);
    // A turn that follows a sleep stands for itself, not for what was slept through.
    auto turn = by < LateLoop::span ? meter_.longest().within(std::chrono::seconds(2), now)
                                    : steady_clock::duration{};
    // It is in the window for several looks, and counts once.
    auto fresh = turn == std::exchange(last, turn) ? steady_clock::duration{} : turn;
    bool is_slow = slow_.looked(fresh, fresh, now);
    bool is_late = late_.looked(by, busy - std::exchange(before, busy), now) || is_slow;
    if (told == is_late || !tell_) continue;
    told = is_late;
    tell_(is_late, fmt::format("what was due ran up to {:.1f} s late in the last minute; the "
                               "longest turn of the loop took {:.3f} s of CPU",
                               seconds(late_.worst()),
                               seconds(meter_.longest().within(std::chrono::seconds(60), now))));
  }
}

asio::awaitable<void> LoopWatch::stop() {
  running_.cancel();
  co_await running_.join();
}

void LoopWatch::put(metrics::HealthSheet& sheet) const {
  sheet.histogram("muster_daemon_loop_lateness_seconds",
                  "How much later than due the loop ran a timer, looked at five times a second",
                  lateness_);
  put_most(sheet, "muster_daemon_loop_most_lateness_seconds", "The most of it, by time window",
           latest_);
  sheet.histogram("muster_daemon_loop_turn_seconds",
                  "CPU time of the loop's turns of a millisecond and more", meter_.turns());
  put_most(sheet, "muster_daemon_loop_longest_turn_seconds",
           "CPU time of the loop's longest turn, by time window", meter_.longest());
}

}  // namespace muster::app
