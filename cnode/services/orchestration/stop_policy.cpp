#include "services/orchestration/stop_policy.h"

#include <algorithm>

namespace muster::orchestration {

using std::chrono::milliseconds;
using std::chrono::seconds;

StopPolicy::StopPolicy(Settings settings, Time now, bool was_asked)
    : settings_(settings), begun_(now), next_signal_(was_asked ? now + settings.patience : now) {}

StopPolicy::Decision StopPolicy::look(Time now, bool has_processes, bool answers) {
  if (!has_processes && !answers) {
    if (!is_quiet_) quiet_since_ = now;
    is_quiet_ = true;
    auto left = settings_.quiet - (now - quiet_since_);
    if (left <= Duration::zero()) return {Action::stopped, {}};
    return {Action::look_again, std::min<Duration>(left, seconds(4))};
  }
  // What comes back after it was gone is not going to leave by itself.
  if (is_quiet_) next_signal_ = now;
  is_quiet_ = false;
  if (now - begun_ >= settings_.limit) return {Action::give_up, {}};
  if (!has_processes || now < next_signal_) return {Action::look_again, milliseconds(500)};
  next_signal_ = now + (was_terminated_ ? seconds(2) : settings_.patience);
  auto action = was_terminated_ ? Action::kill : Action::terminate;
  was_terminated_ = true;
  return {action, milliseconds(500)};
}

}  // namespace muster::orchestration
