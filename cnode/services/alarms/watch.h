#pragma once

#include <map>

#include "services/alarms/desk.h"
#include "services/alarms/family_view.h"
#include "services/alarms/passed_on.h"
#include "services/alarms/pattern_search.h"
#include "services/alarms/rule_rows.h"
#include "services/alarms/rule_types.h"
#include "services/alarms/sample_reader.h"
#include "services/notifications/entry.h"
#include "services/topology/topology.h"

namespace muster::alarms {

/// Brings what was collected to the rules, and what they decide to the Desk. It hears of metrics,
/// of what the agents `alarms` found and handed on, of notifications, and of what happens to nodes;
/// users' rules are made and removed here. Made by app; lives on the loop. Messages of agents are
/// hostile until parsed: what has another shape than agreed is left out.
class Watch {
 public:
  /// `rules`: those that are built in, as tuned_rules() has them.
  Watch(asio::any_io_executor executor, std::vector<Rule> rules, store::Database& database,
        topology::Topology& topology, ops::EventBus& events, Desk& desk, const Clock& clock);

  std::vector<ops::Operation> operations();

  /// Reads users' rules and goes on with the alarms that the Desk has read. Before nodes come up.
  Task<> start();
  asio::awaitable<void> stop();

  /// What the agents of a node sent; of `notifications`, what it has counted.
  void from_metrics_agent(const std::string& node, const etf::Term& message);
  void from_notifications_agent(const std::string& node, const etf::Term& message);
  void from_alarms_agent(const std::string& node, const etf::Term& message);
  /// What was stored; it stays until this has ended.
  asio::awaitable<void> heard(std::span<const notifications::Entry> entries);
  /// Something the daemon knows by itself, of a node or of itself, is so or not: decided by the
  /// rule `id`, of kind event. To be said again after a restart, either way: what was raised before
  /// holds until then.
  void condition(const Subject& subject, const std::string& id, const std::string& instance,
                 bool holds, std::optional<ops::json::value> evidence = std::nullopt);
  /// Where it says, as a notification, that an alarm was raised or is over.
  void on_saying(std::function<void(notifications::Entry)> say) { say_ = std::move(say); }

 private:
  bool is_builtin(const std::string& id) const;
  Task<Rule> add_rule(AddRule request, ops::Caller caller);
  Task<ops::Page<Rule>> list_rules(ListRules request, ops::Caller caller);
  Task<Rule> remove_rule(RuleById request, ops::Caller caller);

  Timestamp moment() const;
  void go_on();
  asio::awaitable<void> run_ticking();
  void happened(const ops::Event& event);
  void node_changed(const topology::NodeStateEvent& event);
  void node_restarted(const topology::NodeRestartedEvent& event);
  void node_removed(const topology::NodeListEvent& event);
  void let_go(const Subject& node);
  asio::awaitable<void> make_good();
  void say(const AlarmEvent& event);
  void decided(const Finding& finding);
  void pass_on(const Subject& node, const etf::Term& alarm);
  void pass_off(const Subject& node, const etf::Term& id);
  void only_present(const Subject& node, const etf::Term& ids, const etf::Term* sources);
  void account(const Subject& node, const etf::Term& message, const std::string& agent);
  void checked(const Subject& node, const etf::Term& checks);
  asio::awaitable<void> compare_families();

  std::vector<Rule> builtin_;
  RuleRows rows_;
  topology::Topology& topology_;
  ops::EventBus& events_;
  Desk& desk_;
  const Clock& clock_;
  RuleEngine engine_;
  PatternSearch search_;
  std::uint64_t not_looked_at_ = 0, not_looked_at_said_ = 0;  ///< notifications, for want of time
  SampleReader reader_;
  /// Events that agents have let go since the daemon's start, by node's id and agent.
  std::map<std::string, std::map<std::string, std::uint64_t>> dropped_;
  FamilyView families_;
  std::map<std::string, Rule> user_rules_;
  std::function<void(notifications::Entry)> say_;
  std::unique_ptr<ops::Subscription> heard_;
  TaskGroup running_;
};

/// How a node's row is seen as what an alarm is about.
Subject subject_of(const topology::NodeRow& row);
/// The daemon itself as what an alarm is about.
Subject daemon_subject();

}  // namespace muster::alarms
