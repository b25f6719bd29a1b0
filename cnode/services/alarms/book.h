#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "services/alarms/alarm.h"
#include "services/alarms/evidence_share.h"

namespace muster::alarms {

/// What became of an alarm, and the alarm as it is now.
struct Change {
  Action action;
  Alarm alarm;
};

/// The current alarms and their life cycle: new, acknowledged, cleared. One alarm per subject,
/// source, condition and instance; raising it again counts, a change of severity keeps it the same
/// alarm, and what was acknowledged is new again when it gets worse. A cleared alarm leaves the
/// book in its last Change. Plain code without I/O or clock; owned by Desk. Bounded: 1,000 alarms
/// per subject (more are refused and counted) and their evidence in sum, 200 deeds and comments per
/// alarm.
class Book {
 public:
  static constexpr std::size_t most_per_subject = 1000, most_deeds = 200, most_comments = 200;

  /// An alarm read from the store. Cleared ones do not belong here.
  void restore(Alarm alarm);

  /// Nothing where the subject has too many already. `new_id` names the alarm if it is a new one.
  std::optional<Change> raise(Report report, Timestamp at, const std::string& new_id);
  /// The condition is over. Nothing where it is not raised.
  std::optional<Change> clear(const Subject& subject, Source source, const std::string& condition,
                              const std::string& instance, const std::string& why, Timestamp at);
  /// All alarms of a subject for which `choose` says so.
  std::vector<Change> clear_all(const Subject& subject,
                                const std::function<bool(const Alarm&)>& choose,
                                const std::string& why, Timestamp at);

  // By a person. Errors: not_found; too_large for one comment too many.
  Result<Change> acknowledge(const std::string& id, const std::string& by, Timestamp at,
                             std::optional<std::string> text);
  Result<Change> clear_by_hand(const std::string& id, const std::string& by, Timestamp at,
                               std::optional<std::string> text);
  Result<Change> comment(const std::string& id, const std::string& by, Timestamp at,
                         std::string text);

  const Alarm* find(const std::string& id) const;
  const Alarm* find(const Subject& subject, Source source, const std::string& condition,
                    const std::string& instance) const;
  const std::unordered_map<std::string, Alarm>& all() const { return by_id_; }
  std::uint64_t refused() const { return refused_; }

 private:
  Result<Alarm*> current(const std::string& id);
  Change close(Alarm& alarm, std::string by, std::optional<std::string> text, Timestamp at);

  std::unordered_map<std::string, Alarm> by_id_;
  struct OfSubject {
    std::map<std::string, std::string> ids;  ///< by source, condition and instance
    EvidenceShare evidence;
  };
  std::unordered_map<std::string, OfSubject> subjects_;
  std::uint64_t refused_ = 0;
};

/// What the daemon sees of a node by itself (node_down, what it is over): what the node says
/// neither delays it nor takes its place.
bool is_seen_here(Source source, const std::string& condition);

}  // namespace muster::alarms
