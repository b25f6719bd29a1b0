#pragma once

#include <deque>
#include <map>
#include <set>
#include <span>
#include <unordered_map>

#include "base/turn.h"
#include "etf/term.h"
#include "services/alarms/evidence_share.h"
#include "services/alarms/rule.h"

namespace muster::alarms {

/// One value of one metric, as the engine takes it.
struct Sample {
  std::uint32_t metric;  ///< RuleEngine::metric()
  std::string label;     ///< empty where the metric has none
  double value;
};

/// One notification, as the engine takes it. `severity` counts as syslog's: 0 is the worst.
struct LogLine {
  int severity = 3;
  std::string_view source, kind, text, pid, mfa, application;
};

/// Whether kind, source and severity are what a notification rule looks at.
bool looks_at(const Rule& rule, const LogLine& line);

/// What the engine has decided: a condition holds at a level, again, or (level 0) no more.
struct Finding {
  const Rule& rule;
  const Subject& subject;
  const std::string& instance;
  std::size_t level;
  double value;
  const std::optional<ops::json::value>& evidence;
  std::string_view why;  ///< of level 0
};

/// Decides from what was collected which conditions hold: thresholds with hysteresis and hold
/// times, counts of notifications, findings of agents, events. Plain code: time comes with each
/// call, decisions go to `emit` at once. Rules are found by the metric, kind or check they look at;
/// a condition costs memory only while it is pending, raised or counted. Owned by Watch; lives on
/// the loop.
class RuleEngine {
 public:
  using Emit = std::function<void(const Finding&)>;
  using RulePtr = std::shared_ptr<const ReadyRule>;
  explicit RuleEngine(Emit emit) : emit_(std::move(emit)) {}

  /// A rule of the same id goes first, and what it has raised is over.
  void add(ReadyRule rule, Timestamp at);
  bool remove(const std::string& id, Timestamp at);
  const Rule* find(const std::string& id) const;
  /// The rule for an id that a node handed on ("disk_almost_full", "mnesia/overload"), or null.
  const Rule* find_passed_on(const std::string& id) const;

  /// The number by which samples name a metric.
  std::uint32_t metric(const std::string& name);
  /// All that any rule looks at.
  std::vector<std::string> metrics() const;

  /// All values of one collection of one node. Rules that name no label look at 1,100 labels of a
  /// metric.
  void samples(const Subject& node, std::span<const Sample> samples, Timestamp at);
  /// `found`: the rules whose pattern is in its text, of those that have one.
  void notification(const Subject& node, const LogLine& line, std::span<const RulePtr> found,
                    Timestamp at);
  /// The rules with a pattern.
  std::vector<RulePtr> pattern_rules() const;
  /// To be called before what an agent sends that has measured less because it was busy: what it
  /// does not report is not over.
  void keep(const Subject& node, Timestamp at);
  /// What a check of the agent found: a list or map is a finding where it is not empty. `is_cut`:
  /// it has only the largest of what was found.
  void check(const Subject& node, const std::string& key, const etf::Term& found, Timestamp at,
             bool is_cut = false);
  /// An event rule's or family rule's condition holds or does not.
  void state(const Subject& subject, const std::string& rule, const std::string& instance,
             bool holds, std::optional<ops::json::value> evidence, Timestamp at);
  /// Of this rule's conditions those that `is_over` says so of are over.
  void end(const Subject& subject, const std::string& rule,
           const std::function<bool(const std::string& instance)>& is_over);
  /// To be called every second: hold times and quiet times pass. False: the turn, if any, was over,
  /// and it is to be called again soon, to go on from there.
  bool tick(Timestamp at, const Turn* turn = nullptr);

  /// It is raised already: from before a restart of the daemon.
  void restore(const Subject& subject, const std::string& rule, const std::string& instance,
               Severity severity, Timestamp at);
  /// Somebody cleared it: if the condition holds it is raised anew.
  void let_go(const Subject& subject, const std::string& rule, const std::string& instance);
  /// What it knows of a subject goes; alarms are the caller's to clear.
  void forget(const Subject& subject);
  /// Conditions that are pending or raised.
  std::size_t live() const;

 private:
  /// One condition of one subject, pending or raised.
  struct Live {
    RulePtr rule;
    std::string instance;
    std::size_t level = 0;   ///< raised
    std::size_t wanted = 0;  ///< higher, since `since`, not yet for as long as the rule says
    Timestamp since, seen;
    double value = 0;
    KeptEvidence evidence;
    std::deque<Timestamp> hits;  ///< of a notification rule
  };
  /// Past values of a metric whose growth a rule looks at.
  struct Trail {
    RulePtr rule;
    std::deque<std::pair<Timestamp, double>> values;
  };
  /// By a rule's id and an instance or label.
  struct ByRule {
    using is_transparent = void;
    using View = std::pair<std::string_view, std::string_view>;
    bool operator()(const View& a, const View& b) const { return a < b; }
  };
  template <class T>
  using MapByRule = std::map<std::pair<std::string, std::string>, T, ByRule>;
  struct Place {
    Subject subject;
    EvidenceShare evidence;  ///< of what is live
    MapByRule<Live> live;
    MapByRule<Trail> trails;
  };

  static std::string key_of(const Subject& subject);
  Place& place(const Subject& subject);
  Live* find_live(Place& place, const ReadyRule& rule, std::string_view instance);
  static void keep(Place& place, Live& live, std::optional<ops::json::value> evidence);
  Live& add_live(Place& place, const RulePtr& rule, std::string_view instance);
  void settle(Place& place, const RulePtr& rule, std::string_view instance, std::size_t level,
              double value, std::optional<ops::json::value> evidence, Timestamp at);
  void raise(Place& place, Live& live, std::size_t level);
  void over(Place& place, Live& live, std::string_view why);
  void sweep(Place& place);
  class Bases;
  void sample(Place& place, const RulePtr& rule, const Sample& sample, Bases& bases, Timestamp at);
  std::optional<double> measured(Place& place, const RulePtr& rule, const Sample& sample,
                                 Timestamp at);
  void unreported(Place& place, Timestamp at);
  void drop_if_empty(const Subject& subject);
  void items(Place& place, const RulePtr& rule, const std::vector<etf::Term>& found, Timestamp at,
             bool is_cut);
  void tick(Place& place, Timestamp at);

  Emit emit_;
  std::map<std::string, RulePtr> rules_;
  std::unordered_map<std::string, std::uint32_t> metrics_;
  std::vector<std::vector<RulePtr>> by_metric_;
  std::vector<RulePtr> of_notifications_;
  std::unordered_map<std::string, std::vector<RulePtr>> by_check_;
  std::unordered_map<std::string, Place> places_;  ///< by subject
  std::string ticked_;                             ///< where the next tick() begins
  std::set<std::string> ticking_;                  ///< subjects that wait for time to pass
};

}  // namespace muster::alarms
