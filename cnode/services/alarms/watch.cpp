#include "services/alarms/watch.h"

#include <span>
#include <unordered_set>

#include "base/log.h"
#include "base/timeout.h"
#include "services/alarms/node_text.h"
#include "services/alarms/reports.h"

namespace muster::alarms {

using namespace std::chrono_literals;
using ops::json::object;
using ops::json::value;

namespace {

constexpr int ticks_between_comparisons = 5;
constexpr std::size_t most_passed_on = 1000;  ///< alarms that an agent hands on in one message

Subject subject_of(const Alarm& alarm) {
  if (alarm.scope == Scope::daemon) return daemon_subject();
  if (alarm.scope == Scope::family)
    return {Scope::family, alarm.family_id.value_or(""), alarm.family.value_or(""), {}, {}};
  return {alarm.scope, alarm.node_id.value_or(""), alarm.node ? alarm.node->text : "",
          alarm.family_id, alarm.family};
}

/// Of a list that has no more than so many.
std::optional<std::vector<etf::Term>> elements_of(const etf::Term* term, std::size_t most) {
  auto* list = term ? term->get_if<etf::List>() : nullptr;
  std::vector<etf::Term> elements;
  if (!term || (list && list->elements.size() > most) || !term->proper_list(elements) ||
      elements.size() > most)
    return std::nullopt;
  return elements;
}

/// Whether the agent says that it was too busy to measure all.
bool is_backing_off(const etf::Map& message) {
  auto* agent = message.find("agent");
  auto* account = agent ? agent->get_if<etf::Map>() : nullptr;
  auto* flag = account ? account->find("backing_off") : nullptr;
  auto* number = flag ? flag->get_if<std::int64_t>() : nullptr;
  return number && *number == 1;
}

/// Whether more queues were long than the agent lists.
bool is_cut(const etf::Map& message, const etf::Term& queues) {
  auto* scan = message.find("scan");
  auto* figures = scan ? scan->get_if<etf::Map>() : nullptr;
  auto* term = figures ? figures->find("long_count") : nullptr;
  auto* count = term ? term->get_if<std::int64_t>() : nullptr;
  auto* list = queues.get_if<etf::List>();
  return count && list && *count > static_cast<std::int64_t>(list->elements.size());
}

}  // namespace

Subject subject_of(const topology::NodeRow& row) {
  return {Scope::node, row.id, row.name, row.family_id, row.family};
}

Subject daemon_subject() {
  return {Scope::daemon, "daemon", "daemon", {}, {}};
}

Watch::Watch(asio::any_io_executor executor, std::vector<Rule> rules, store::Database& database,
             topology::Topology& topology, ops::EventBus& events, Desk& desk, const Clock& clock)
    : builtin_(std::move(rules)),
      rows_(database),
      topology_(topology),
      events_(events),
      desk_(desk),
      clock_(clock),
      engine_([this](const Finding& finding) { decided(finding); }),
      running_(std::move(executor)) {
  for (auto rule : builtin_) {
    // What nodes hand on must be known to be left out.
    if (!rule.enabled && rule.kind != RuleKind::passed_on) continue;
    auto ready = make_ready(std::move(rule), &SampleReader::is_metric);
    if (!ready)
      throw std::logic_error("schemas/alarms.json: " + ready.error().message + " at " +
                             ready.error().field);
    engine_.add(std::move(*ready), moment());
  }
  desk_.on_cleared_by_hand([this](const Alarm& alarm) {
    engine_.let_go(subject_of(alarm), alarm.condition, alarm.instance);
  });
}

/// The engine only tells how long ago something was: by a clock that does not jump.
Timestamp Watch::moment() const {
  return Timestamp(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady().time_since_epoch()));
}

Task<> Watch::start() {
  CO_TRY(auto rules, co_await rows_.all());
  for (auto& rule : rules) {
    auto id = rule.id;
    user_rules_[id] = rule;
    auto ready = make_ready(std::move(rule), &SampleReader::is_metric);
    if (ready)
      engine_.add(std::move(*ready), moment());
    else
      log::warn("alarms: rule {} is not used: {}", id, ready.error().message);
  }
  reader_.want(engine_);
  go_on();
  CO_TRY(heard_, events_.subscribe_inside({"topology.node_state", "topology.node_restarted",
                                           "topology.node_removed", "alarms"}));
  running_.spawn("alarms: listening",
                 ops::hear(
                     "alarms", *heard_, [this](auto& event) { happened(event); },
                     [this] { return make_good(); }));
  running_.spawn("alarms: ticking", run_ticking());
  co_return Result<>();
}

/// Takes up the alarms from before a restart. Those whose rule is gone are over.
void Watch::go_on() {
  std::vector<Alarm> orphans;
  for (auto& [id, alarm] : desk_.book().all()) {
    if (alarm.source != Source::builtin && alarm.source != Source::user) continue;
    auto* rule = engine_.find(alarm.condition);
    if (!rule || rule->source != alarm.source || !rule->enabled)
      orphans.push_back(alarm);
    else if (rule->kind != RuleKind::passed_on)
      engine_.restore(subject_of(alarm), alarm.condition, alarm.instance, alarm.severity, moment());
  }
  for (auto& alarm : orphans)
    desk_.clear(subject_of(alarm), alarm.source, alarm.condition, alarm.instance,
                "its rule is there no more");
}

asio::awaitable<void> Watch::stop() {
  running_.cancel();
  co_await running_.join();
}

asio::awaitable<void> Watch::run_ticking() {
  for (int ticks = 1;; ++ticks) {
    co_await pause(1s);
    Turn turn;
    while (!engine_.tick(moment(), &turn)) co_await next_turn(turn);
    if (ticks % ticks_between_comparisons == 0) co_await compare_families();
  }
}

void Watch::happened(const ops::Event& event) {
  if (auto* change = event.as<topology::NodeStateEvent>()) {
    node_changed(*change);
  } else if (auto* restart = event.as<topology::NodeRestartedEvent>()) {
    node_restarted(*restart);
  } else if (event.topic == "topology.node_removed") {
    if (auto* gone = event.as<topology::NodeListEvent>()) node_removed(*gone);
  } else if (auto* alarm = event.as<AlarmEvent>()) {
    say(*alarm);
  }
}

void Watch::say(const AlarmEvent& event) {
  bool is_news = event.action == Action::raised || event.action == Action::cleared ||
                 event.action == Action::severity_changed;
  if (say_ && is_news) say_(entry_of(event));
}

void Watch::node_changed(const topology::NodeStateEvent& event) {
  auto row = topology_.find(event.id);
  if (!row) return;
  auto node = subject_of(*row);
  bool is_down = event.state == topology::NodeState::down;
  if (event.state != topology::NodeState::up) families_.forget(node);
  std::optional<value> evidence;
  if (event.reason)
    evidence =
        object{{"reason", mesh::name_of(*event.reason)}, {"detail", event.detail.value_or("")}};
  engine_.state(node, "node_down", {}, is_down, std::move(evidence), moment());
  if (event.state != topology::NodeState::stopped) return;
  engine_.forget(node);
  desk_.clear_all(
      node, [](const Alarm&) { return true; }, "the node was stopped");
}

/// What was wrong with the old life is over; what still is, is found again.
void Watch::node_restarted(const topology::NodeRestartedEvent& event) {
  auto row = topology_.find(event.id);
  if (!row) return;
  auto node = subject_of(*row);
  families_.forget(node);
  engine_.forget(node);
  desk_.clear_all(
      node, [](const Alarm& alarm) { return alarm.condition != "node_restarted"; },
      "the node was restarted");
  object evidence{{"creation", event.creation}, {"started_at", to_rfc3339(event.started_at)}};
  engine_.state(node, "node_restarted", {}, true, value(std::move(evidence)), moment());
}

void Watch::node_removed(const topology::NodeListEvent& event) {
  Subject node{Scope::node, event.id, event.name.text, {}, {}};
  for (auto& [id, alarm] : desk_.book().all())
    if (alarm.node_id == event.id) node = subject_of(alarm);
  let_go(node);
}

void Watch::let_go(const Subject& node) {
  families_.forget(node);
  engine_.forget(node);
  dropped_.erase(node.id);
  desk_.clear_all(
      node, [](const Alarm&) { return true; }, "the node is not managed any more");
}

/// Events were lost: each node is as if its state were said now, and what is not managed is gone.
asio::awaitable<void> Watch::make_good() {
  co_await topology_.each_present([this](auto& event) { node_changed(event); });
  std::map<std::string, Subject> gone;
  for (auto& [id, of_agents] : dropped_) gone.try_emplace(id, Subject{Scope::node, id, {}, {}, {}});
  for (auto& [id, alarm] : desk_.book().all())
    if (alarm.node_id) gone.insert_or_assign(*alarm.node_id, subject_of(alarm));
  Turn turn;
  for (auto& [id, node] : gone) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!topology_.peek(id)) let_go(node);
  }
}

/// What the agent costs the node, if a rule looks at that.
void Watch::account(const Subject& node, const etf::Term& message, const std::string& agent) {
  auto samples = reader_.read_account(message, agent, dropped_[node.id][agent]);
  if (!samples.empty()) engine_.samples(node, samples, moment());
}

void Watch::from_metrics_agent(const std::string& name, const etf::Term& message) {
  auto row = topology_.find(name);
  auto* map = message.get_if<etf::Map>();
  auto* values = map ? map->find("values") : nullptr;
  if (!row || !values) return;
  auto node = subject_of(*row);
  if (is_backing_off(*map)) engine_.keep(node, moment());
  auto samples = reader_.read(*values);
  engine_.samples(node, samples, moment());
  account(node, message, "metrics");
}

void Watch::from_notifications_agent(const std::string& name, const etf::Term& message) {
  auto* map = message.get_if<etf::Map>();
  auto* counts = map ? map->find("counts") : nullptr;
  auto row = topology_.find(name);
  if (!row) return;
  auto node = subject_of(*row);
  dropped_[node.id]["notifications"] += SampleReader::dropped(message);
  if (!counts) return;
  auto samples = reader_.read_counts(*counts);
  engine_.samples(node, samples, moment());
  account(node, message, "notifications");
}

void Watch::from_alarms_agent(const std::string& name, const etf::Term& message) {
  auto row = topology_.find(name);
  auto* map = message.get_if<etf::Map>();
  if (!row || !map) return;
  auto node = subject_of(*row);
  dropped_[node.id]["alarms"] += SampleReader::dropped(message);
  std::vector<etf::Term> list;
  auto first = [&] { return std::span(list).first(std::min(list.size(), most_passed_on)); };
  // What is in both was raised again after it had been cleared.
  if (auto* cleared = map->find("cleared"); cleared && cleared->proper_list(list))
    for (auto& id : first()) pass_off(node, id);
  list.clear();
  if (auto* raised = map->find("raised"); raised && raised->proper_list(list))
    for (auto& alarm : first()) pass_on(node, alarm);
  if (auto* present = map->find("present")) only_present(node, *present, map->find("complete"));
  if (auto* queues = map->find("long_queues"))
    engine_.check(node, "long_queues", *queues, moment(), is_cut(*map, *queues));
  if (auto* checks = map->find("checks")) checked(node, *checks);
  account(node, message, "alarms");
}

void Watch::pass_on(const Subject& node, const etf::Term& alarm) {
  auto* map = alarm.get_if<etf::Map>();
  auto* id = map ? map->find("id") : nullptr;
  if (!id) return;
  auto known = passed_on(*id, engine_);
  auto* any = engine_.find_passed_on(known.source == Source::elarm ? "elarm:*" : "sasl:*");
  auto* rule = known.rule ? known.rule : any;
  if (rule && !rule->enabled) return;
  auto evidence = evidence_of(alarm);
  // Told again, by an agent that has just met us: not raised again.
  auto* current = desk_.book().find(node, known.source, known.condition, known.instance);
  if (current && current->additional_information == evidence) return;
  desk_.raise(report_of(node, known, rule, *map, std::move(evidence)));
}

void Watch::pass_off(const Subject& node, const etf::Term& id) {
  auto known = passed_on(id, engine_);
  desk_.clear(node, known.source, known.condition, known.instance, "the node cleared it");
}

/// Of sources whose whole list the agent could read, what is not in it is over. Of others (Mnesia
/// has no list) it knows only what happened while it was there.
void Watch::only_present(const Subject& node, const etf::Term& ids, const etf::Term* sources) {
  constexpr std::size_t most_sources = 8;
  auto list = elements_of(&ids, most_passed_on), complete = elements_of(sources, most_sources);
  if (!list || !complete) return;  // then none is known to be over
  std::set<std::tuple<Source, std::string, std::string>> present;
  for (auto& id : *list) {
    auto known = passed_on(id, engine_);
    present.emplace(known.source, known.condition, known.instance);
  }
  auto is_gone = [&](const Alarm& alarm) {
    auto* rule = alarm.source == Source::builtin ? engine_.find(alarm.condition) : nullptr;
    bool is_passed_on = alarm.source == Source::sasl || alarm.source == Source::elarm ||
                        (rule && rule->kind == RuleKind::passed_on);
    if (!is_passed_on || present.contains({alarm.source, alarm.condition, alarm.instance}))
      return false;
    auto* source = "sasl";
    if (alarm.source == Source::elarm) source = "elarm";
    if (rule && rule->check && rule->check->starts_with("mnesia/")) source = "mnesia";
    return std::any_of(complete->begin(), complete->end(),
                       [&](const etf::Term& name) { return name.is_atom(source); });
  };
  desk_.clear_all(node, is_gone, "the node has it no more");
}

void Watch::checked(const Subject& node, const etf::Term& checks) {
  auto* map = checks.get_if<etf::Map>();
  if (!map) return;
  auto now = moment();
  for (auto& [key, found] : map->pairs) {
    std::string name;
    if (!key.text(name)) continue;
    engine_.check(node, name, found, now);
    for (auto& application : families_.learn(node, name, found))
      engine_.state(node, "application_stopped", application, true, std::nullopt, now);
    if (name != "applications") continue;
    std::unordered_set<std::string> running;
    auto* map_of_them = found.get_if<etf::Map>();
    if (map_of_them)
      for (auto& [application, version] : map_of_them->pairs)
        if (running.size() < FamilyView::most_applications) running.insert(node_text(application));
    auto is_running = [&](const std::string& application) { return running.contains(application); };
    engine_.end(node, "application_stopped", is_running);
  }
}

asio::awaitable<void> Watch::heard(std::span<const notifications::Entry> entries) {
  std::vector<PatternSearch::Heard> heard;
  Turn turn;
  for (auto& entry : entries) {
    if (turn.is_over()) co_await next_turn(turn);
    if (entry.source == "muster")
      continue;  // what the daemon says comes from what it knows already
    if (auto* row = topology_.peek(entry.node_id))
      heard.push_back({subject_of(*row),
                       {static_cast<int>(entry.severity), entry.source, entry.kind, entry.text,
                        entry.pid, entry.mfa, entry.application}});
  }
  auto found = co_await search_.find(engine_.pattern_rules(), heard);
  not_looked_at_ += found.left_out;
  if (not_looked_at_ > 2 * not_looked_at_said_) {
    not_looked_at_said_ = not_looked_at_;
    log::warn(
        "alarms: the patterns of rules take too long: not all were looked for in {} "
        "notifications until now",
        not_looked_at_);
  }
  for (std::size_t i = 0; i < heard.size(); ++i) {
    if (turn.is_over()) co_await next_turn(turn);
    auto& [node, line] = heard[i];
    if (topology_.peek(node.id)) engine_.notification(node, line, found.in[i], moment());
  }
}

void Watch::condition(const Subject& subject, const std::string& id, const std::string& instance,
                      bool holds, std::optional<value> evidence) {
  engine_.state(subject, id, instance, holds, std::move(evidence), moment());
}

asio::awaitable<void> Watch::compare_families() {
  Turn turn;
  for (auto& id : families_.take_changed()) {
    auto findings = co_await families_.compare(id);
    for (auto& finding : findings)
      engine_.state(families_.subject(id), finding.condition, {}, finding.holds,
                    std::move(finding.evidence), moment());
    families_.let_go_if_empty(id);
    if (turn.is_over()) co_await next_turn(turn);
  }
}

void Watch::decided(const Finding& finding) {
  auto& rule = finding.rule;
  if (finding.level == 0) {
    desk_.clear(finding.subject, rule.source, rule.id, finding.instance, std::string(finding.why));
    return;
  }
  desk_.raise(report_of(finding));
}

}  // namespace muster::alarms
