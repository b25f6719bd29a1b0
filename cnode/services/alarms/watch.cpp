#include "services/alarms/watch.h"

#include <fmt/format.h>

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "base/log.h"
#include "base/timeout.h"
#include "services/alarms/node_text.h"
#include "services/notifications/entry_reader.h"

namespace muster::alarms {

using namespace std::chrono_literals;
using ops::Caller;
using ops::json::object;
using ops::json::value;

namespace {

constexpr std::size_t most_user_rules = 200;
constexpr int ticks_between_comparisons = 5;

std::string rounded(double number) {
  return number == std::floor(number) && std::abs(number) < 1e15 ? fmt::format("{:.0f}", number)
                                                                 : fmt::format("{:.4g}", number);
}

std::string_view unit_of(const Rule& rule) {
  switch (rule.measure) {
    case Measure::per_minute:
      return rule.percent_of ? " %" : " per minute";
    case Measure::growth_percent:
      return " %";
    default:
      return rule.percent_of ? " %" : "";
  }
}

std::string describe(const Finding& finding) {
  auto& rule = finding.rule;
  auto text = rule.description;
  if (rule.kind != RuleKind::metric && !rule.value) return text;
  auto& level = rule.levels[finding.level - 1];
  auto what = rule.metric ? *rule.metric : *rule.value;
  if (!finding.instance.empty()) what += " of " + finding.instance;
  text += fmt::format(": {} is {}{}", what, rounded(finding.value), unit_of(rule));
  if (rule.percent_of) text += " of " + *rule.percent_of;
  text += fmt::format(" ({} {})", rule.direction == Direction::above ? "above" : "below",
                      rounded(*level.raise));
  return text;
}

std::optional<Threshold> threshold_of(const Finding& finding) {
  auto& rule = finding.rule;
  auto& level = rule.levels[finding.level - 1];
  if (!level.raise) return std::nullopt;
  Threshold threshold;
  threshold.metric = rule.metric ? *rule.metric : rule.check.value_or(rule.id);
  threshold.percent_of = rule.percent_of;
  threshold.value = finding.value;
  threshold.raise = *level.raise;
  threshold.clear = level.clear.value_or(*level.raise);
  return threshold;
}

Subject subject_of(const Alarm& alarm) {
  if (alarm.scope == Scope::family)
    return {Scope::family, alarm.family_id.value_or(""), alarm.family.value_or(""), {}, {}};
  return {alarm.scope, alarm.node_id.value_or(""), alarm.node ? alarm.node->text : "",
          alarm.family_id, alarm.family};
}

std::string text_member(const etf::Map& map, std::string_view key) {
  auto* found = map.find(key);
  std::string text;
  if (!found || found->is_atom("undefined") || !found->text(text)) return {};
  return notifications::clean_text(std::move(text), 4096);
}

}  // namespace

Subject subject_of(const topology::NodeRow& row) {
  return {Scope::node, row.id, row.name, row.family_id, row.family};
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

std::vector<ops::Operation> Watch::operations() {
  using ops::Role;
  std::vector<ops::Operation> rows;
  auto add = [&](std::string name, ops::Http http, Role role, std::string doc, auto handler) {
    ops::Row row{"alarms", std::move(name), std::move(http), role, std::move(doc)};
    rows.push_back(ops::operation(std::move(row), *this, handler));
  };
  add("add_rule", {"POST", "/api/alarms/rules", {}, 201}, Role::operator_,
      "Raise an alarm when a metric crosses a threshold or a notification matches",
      &Watch::add_rule);
  add("list_rules", {"GET", "/api/alarms/rules"}, Role::viewer,
      "The rules that raise alarms, built in and made by users", &Watch::list_rules);
  add("remove_rule", {"DELETE", "/api/alarms/rules/:id"}, Role::operator_,
      "Remove a rule that was added; what it has raised is over", &Watch::remove_rule);
  return rows;
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
  CO_TRY(heard_, events_.subscribe({"topology", "alarms"}, std::nullopt, 65'536));
  running_.spawn("alarms: listening", run_listening());
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

asio::awaitable<void> Watch::run_listening() {
  for (;;) {
    auto delivery = co_await heard_->next();
    if (!delivery) co_return;  // the bus was closed
    if (auto* event = std::get_if<ops::EventPtr>(&*delivery)) happened(**event);
  }
}

asio::awaitable<void> Watch::run_ticking() {
  for (int ticks = 1;; ++ticks) {
    co_await pause(1s);
    engine_.tick(moment());
    if (ticks % ticks_between_comparisons == 0) compare_families();
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
  auto& alarm = event.alarm;
  bool is_over = event.action == Action::cleared;
  if (!say_ ||
      (!is_over && event.action != Action::raised && event.action != Action::severity_changed))
    return;
  notifications::Entry entry;
  entry.severity = is_over                                ? notifications::Severity::notice
                   : alarm.severity == Severity::critical ? notifications::Severity::critical
                   : alarm.severity == Severity::major    ? notifications::Severity::error
                                                          : notifications::Severity::warning;
  entry.source = "muster";
  entry.kind = is_over ? "alarm_cleared" : "alarm_raised";
  if (alarm.node) entry.node = alarm.node->text;
  entry.text = fmt::format(
      "alarm {}{}{} {}: {}", alarm.condition, alarm.instance.empty() ? "" : " of ", alarm.instance,
      is_over ? "is over" : boost::describe::enum_to_string(alarm.severity, ""),
      is_over ? alarm.history.back().text.value_or("") : alarm.description);
  say_(std::move(entry));
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
  families_.forget(node);
  engine_.forget(node);
  desk_.clear_all(
      node, [](const Alarm&) { return true; }, "the node is not managed any more");
}

/// What the agent costs the node, if a rule looks at that.
void Watch::account(const Subject& node, const etf::Term& message, const std::string& agent) {
  auto samples = reader_.read_account(message, agent);
  if (!samples.empty()) engine_.samples(node, samples, moment());
}

void Watch::from_metrics_agent(const std::string& name, const etf::Term& message) {
  auto row = topology_.find(name);
  auto* map = message.get_if<etf::Map>();
  auto* values = map ? map->find("values") : nullptr;
  if (!row || !values) return;
  auto node = subject_of(*row);
  auto samples = reader_.read(*values);
  engine_.samples(node, samples, moment());
  account(node, message, "metrics");
}

void Watch::from_notifications_agent(const std::string& name, const etf::Term& message) {
  auto* map = message.get_if<etf::Map>();
  auto* counts = map ? map->find("counts") : nullptr;
  if (!counts) return;
  auto row = topology_.find(name);
  if (!row) return;
  auto node = subject_of(*row);
  auto samples = reader_.read_counts(*counts);
  engine_.samples(node, samples, moment());
  account(node, message, "notifications");
}

void Watch::from_alarms_agent(const std::string& name, const etf::Term& message) {
  auto row = topology_.find(name);
  auto* map = message.get_if<etf::Map>();
  if (!row || !map) return;
  auto node = subject_of(*row);
  std::vector<etf::Term> list;
  if (auto* raised = map->find("raised"); raised && raised->proper_list(list))
    for (auto& alarm : list) pass_on(node, alarm);
  list.clear();
  if (auto* cleared = map->find("cleared"); cleared && cleared->proper_list(list))
    for (auto& id : list) pass_off(node, id);
  if (auto* present = map->find("present")) only_present(node, *present);
  if (auto* queues = map->find("long_queues"))
    engine_.check(node, "long_queues", *queues, moment());
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
  Report report;
  report.subject = node;
  report.source = known.source;
  report.condition = known.condition;
  report.instance = known.instance;
  if (rule) {
    report.severity = rule->levels[0].severity;
    report.description = rule->description;
    report.probable_cause = rule->probable_cause;
    report.proposed_repair_action = rule->proposed_repair_action;
    report.tags = rule->tags;
  }
  if (known.source == Source::elarm) {
    boost::describe::enum_from_string(text_member(*map, "severity").c_str(), report.severity);
    if (auto cause = text_member(*map, "probable_cause"); !cause.empty())
      report.probable_cause = std::move(cause);
    if (auto action = text_member(*map, "proposed_repair_action"); !action.empty())
      report.proposed_repair_action = std::move(action);
  }
  if (auto said = text_member(*map, "description"); !said.empty()) report.description = said;
  report.evidence = std::move(evidence);
  desk_.raise(std::move(report));
}

void Watch::pass_off(const Subject& node, const etf::Term& id) {
  auto known = passed_on(id, engine_);
  desk_.clear(node, known.source, known.condition, known.instance, "the node cleared it");
}

void Watch::only_present(const Subject& node, const etf::Term& ids) {
  std::vector<etf::Term> list;
  if (!ids.proper_list(list)) return;
  std::set<std::tuple<Source, std::string, std::string>> present;
  for (auto& id : list) {
    auto known = passed_on(id, engine_);
    present.emplace(known.source, known.condition, known.instance);
  }
  auto is_gone = [&](const Alarm& alarm) {
    auto* rule = alarm.source == Source::builtin ? engine_.find(alarm.condition) : nullptr;
    bool is_passed_on = alarm.source == Source::sasl || alarm.source == Source::elarm ||
                        (rule && rule->kind == RuleKind::passed_on);
    return is_passed_on && !present.contains({alarm.source, alarm.condition, alarm.instance});
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
    if (auto* running = found.get_if<etf::Map>())
      for (auto& [application, version] : running->pairs)
        engine_.state(node, "application_stopped", node_text(application), false, std::nullopt,
                      now);
  }
}

void Watch::heard(const notifications::Entry& entry) {
  if (entry.source == "muster") return;  // what the daemon says comes from what it knows already
  auto row = topology_.find(entry.node_id);
  if (!row) return;
  LogLine line{static_cast<int>(entry.severity),
               entry.source,
               entry.kind,
               entry.text,
               entry.pid,
               entry.mfa,
               entry.application};
  engine_.notification(subject_of(*row), line, moment());
}

void Watch::compare_families() {
  for (auto& id : families_.take_changed())
    for (auto& finding : families_.compare(id))
      engine_.state(families_.subject(id), finding.condition, {}, finding.holds,
                    std::move(finding.evidence), moment());
}

void Watch::decided(const Finding& finding) {
  auto& rule = finding.rule;
  if (finding.level == 0) {
    desk_.clear(finding.subject, rule.source, rule.id, finding.instance, std::string(finding.why));
    return;
  }
  Report report;
  report.subject = finding.subject;
  report.condition = rule.id;
  report.instance = finding.instance;
  report.source = rule.source;
  report.severity = rule.levels[finding.level - 1].severity;
  report.description = describe(finding);
  report.probable_cause = rule.probable_cause;
  report.proposed_repair_action = rule.proposed_repair_action;
  report.tags = rule.tags;
  if (finding.evidence) report.evidence = bounded_evidence(*finding.evidence);
  report.threshold = threshold_of(finding);
  desk_.raise(std::move(report));
}

Task<Rule> Watch::add_rule(AddRule request, Caller) {
  bool has_levels = !request.levels.empty();
  CO_TRY(auto rule, rule_of(std::move(request)));
  auto* known = engine_.find(rule.id);
  if (known && known->source == Source::builtin)
    co_return Error(Errc::conflict, rule.id + " is built in", "/id");
  if (!known && user_rules_.size() >= most_user_rules)
    co_return Error(Errc::quota, fmt::format("{} rules are enough", most_user_rules));
  auto ready = make_ready(std::move(rule), &SampleReader::is_metric);
  if (!ready) co_return as_requested(std::move(ready).error(), has_levels);
  rule = ready->rule;
  CO_TRYV(co_await rows_.save(rule));
  user_rules_[rule.id] = rule;
  engine_.add(std::move(*ready), moment());
  reader_.want(engine_);
  co_return rule;
}

Task<ops::Page<Rule>> Watch::list_rules(ListRules request, Caller) {
  std::map<std::string, Rule> rules;
  if (request.source.value_or(Source::builtin) == Source::builtin)
    for (auto& rule : builtin_) rules[rule.id] = rule;
  if (request.source.value_or(Source::user) == Source::user)
    for (auto& [id, rule] : user_rules_) rules[id] = rule;
  std::vector<Rule> sorted;
  for (auto& [id, rule] : rules) sorted.push_back(rule);
  co_return ops::page_of(sorted, request, [](const Rule& rule) { return rule.id; });
}

Task<Rule> Watch::remove_rule(RuleById request, Caller) {
  auto known = user_rules_.find(request.id);
  if (known == user_rules_.end()) {
    if (engine_.find(request.id))
      co_return Error(Errc::conflict, request.id + " is built in", "/id");
    co_return Error(Errc::not_found, "no rule '" + request.id + "'", "/id");
  }
  auto rule = known->second;
  CO_TRYV(co_await rows_.remove(request.id));
  user_rules_.erase(request.id);
  engine_.remove(request.id, moment());
  reader_.want(engine_);
  co_return rule;
}

}  // namespace muster::alarms
