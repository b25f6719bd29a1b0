#pragma once

#include <chrono>

namespace muster::orchestration {

/// Decides how a node is brought to a stop after its stop command: waits for it to leave, then
/// signals, and is content when nothing of it was there for a while. Heart or a supervisor may have
/// started it again meanwhile; then it begins anew. Plain data; the caller brings the time.
class StopPolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Settings {
    Duration quiet = std::chrono::seconds(10);     ///< nothing of it seen for so long: stopped
    Duration patience = std::chrono::seconds(15);  ///< after the stop command, and after TERM
    Duration limit = std::chrono::seconds(120);    ///< then somebody has to look
  };
  enum class Action { look_again, terminate, kill, stopped, give_up };
  struct Decision {
    Action action;
    Duration pause;  ///< before the next look
  };

  /// `was_asked`: a stop command is on its way, so it may take a while.
  StopPolicy(Settings settings, Time now, bool was_asked);

  /// What is there now: processes on the host, an answer under its name.
  Decision look(Time now, bool has_processes, bool answers);

 private:
  Settings settings_;
  Time begun_, next_signal_;
  Time quiet_since_;
  bool is_quiet_ = false, was_terminated_ = false;
};

}  // namespace muster::orchestration
