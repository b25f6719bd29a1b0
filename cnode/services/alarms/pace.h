#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/alarms/alarm.h"
#include "services/alarms/evidence_share.h"

namespace muster::alarms {

/// How often the alarms of one node may be raised or change their severity: 200 times at once and
/// 30 times a minute; so they are over no more often either. What is beyond is held, the last
/// report of each alarm only, and due later, in turns, unless it is over by then. Plain code
/// without clock; owned by Desk. Bounded: 1,000 reports of a node are held, more are refused and
/// counted, and their evidence in sum.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr double per_second = 0.5, at_once = 200;
  static constexpr std::size_t most_held = 1000;

  /// False: the report is held, or refused. Reports are of nodes.
  bool admits(const Report& report, Time now);
  /// What was held of this alarm is not so any more.
  void drop(const Subject& subject, Source source, const std::string& condition,
            const std::string& instance);
  /// The same of all alarms of a subject for which `choose` says so; it sees source, condition and
  /// instance.
  void drop_all(const Subject& subject, const std::function<bool(const Alarm&)>& choose);
  /// What was held and may be raised now.
  std::vector<Report> take_due(Time now);
  /// The nodes of which something is held.
  std::vector<Subject> holding() const;
  std::uint64_t refused() const { return refused_; }

 private:
  struct Node {
    double tokens = at_once;
    Time filled;
    std::map<std::string, Report> held;  ///< by source, condition and instance
    EvidenceShare evidence;              ///< of what is held
    std::string last;                    ///< key of what was due last
  };
  static void fill(Node& node, Time now);

  std::unordered_map<std::string, Node> nodes_;  ///< by id; those that can raise less than all
  std::uint64_t refused_ = 0;
};

}  // namespace muster::alarms
