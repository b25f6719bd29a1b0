#include "services/alarms/book.h"

#include <fmt/format.h>

#include <set>

namespace muster::alarms {

namespace {

std::string subject_key(Scope scope, const std::string& id) {
  return fmt::format("{}/{}", static_cast<int>(scope), id);
}

std::string subject_key(const Alarm& alarm) {
  switch (alarm.scope) {
    case Scope::node:
      return subject_key(alarm.scope, alarm.node_id.value_or(""));
    case Scope::family:
      return subject_key(alarm.scope, alarm.family_id.value_or(""));
    default:
      return subject_key(alarm.scope, "");
  }
}

std::string subject_key(const Subject& subject) {
  return subject_key(subject.scope, subject.scope == Scope::daemon ? "" : subject.id);
}

std::string condition_key(Source source, const std::string& condition,
                          const std::string& instance) {
  return fmt::format("{}\n{}\n{}", static_cast<int>(source), condition, instance);
}

/// The first deeds say how it began, the last how it goes on: what is too much goes from between.
void add_deed(Alarm& alarm, Deed deed) {
  constexpr std::size_t beginning = 20;
  if (alarm.history.size() >= Book::most_deeds)
    alarm.history.erase(alarm.history.begin() + beginning);
  alarm.history.push_back(std::move(deed));
}

std::string sayer(Source source) {
  return source == Source::sasl || source == Source::elarm ? "node" : "rule";
}

void describe(Alarm& alarm, Report& report, EvidenceShare& share) {
  alarm.severity = report.severity;
  alarm.description = std::move(report.description);
  alarm.threshold = std::move(report.threshold);
  if (!report.evidence) return;
  share.give_back(alarm.additional_information);
  share.take(report.evidence, is_seen_here(report.source, report.condition));
  alarm.additional_information = std::move(report.evidence);
}

Alarm opened(Report& report, Timestamp at, const std::string& id, EvidenceShare& share) {
  Alarm alarm;
  alarm.id = alarm.event_id = id;
  alarm.condition = report.condition;
  alarm.instance = report.instance;
  alarm.scope = report.subject.scope;
  if (alarm.scope == Scope::node) {
    alarm.node_id = report.subject.id;
    alarm.node = ops::NodeName{report.subject.name};
    alarm.family_id = report.subject.family_id;
    alarm.family = report.subject.family;
  } else if (alarm.scope == Scope::family) {
    alarm.family_id = report.subject.id;
    alarm.family = report.subject.name;
  }
  alarm.source = report.source;
  alarm.event_time = alarm.raised_at = at;
  alarm.probable_cause = std::move(report.probable_cause);
  alarm.proposed_repair_action = std::move(report.proposed_repair_action);
  alarm.tags = std::move(report.tags);
  describe(alarm, report, share);
  add_deed(alarm, {at, Action::raised, sayer(alarm.source), alarm.severity, std::nullopt});
  return alarm;
}

}  // namespace

void Book::restore(Alarm alarm) {
  auto key = condition_key(alarm.source, alarm.condition, alarm.instance);
  auto& of_subject = subjects_[subject_key(alarm)];
  of_subject.ids[key] = alarm.id;
  of_subject.evidence.take(alarm.additional_information, true);
  auto id = alarm.id;
  by_id_.insert_or_assign(id, std::move(alarm));
}

bool is_seen_here(Source source, const std::string& condition) {
  static const std::set<std::string, std::less<>> conditions{"node_down",          "node_restarted",
                                                             "series_quota",       "agent_quota",
                                                             "notification_quota", "alarm_quota"};
  return source == Source::builtin && conditions.contains(condition);
}

std::optional<Change> Book::raise(Report report, Timestamp at, const std::string& new_id) {
  auto& [ids, evidence] = subjects_[subject_key(report.subject)];
  auto key = condition_key(report.source, report.condition, report.instance);
  auto known = ids.find(key);
  if (known == ids.end()) {
    constexpr std::size_t seen_here = 20;
    if (ids.size() >=
        most_per_subject + (is_seen_here(report.source, report.condition) ? seen_here : 0)) {
      ++refused_;
      return std::nullopt;
    }
    auto alarm = opened(report, at, new_id, evidence);
    for (auto& [other, id] : ids)
      if (alarm.correlated_events.size() < 20) alarm.correlated_events.push_back(id);
    ids.emplace(std::move(key), new_id);
    return Change{Action::raised, by_id_.insert_or_assign(new_id, std::move(alarm)).first->second};
  }
  auto& alarm = by_id_.at(known->second);
  ++alarm.count;
  alarm.raised_at = at;
  auto before = alarm.severity;
  describe(alarm, report, evidence);
  if (alarm.severity == before) return Change{Action::raised_again, alarm};
  alarm.trend = alarm.severity > before ? Trend::more_severe : Trend::less_severe;
  if (alarm.severity > before && alarm.state == State::acknowledged) {
    alarm.state = State::new_;
    alarm.ack_info.reset();
  }
  add_deed(alarm,
           {at, Action::severity_changed, sayer(alarm.source), alarm.severity, std::nullopt});
  return Change{Action::severity_changed, alarm};
}

Change Book::close(Alarm& alarm, std::string by, std::optional<std::string> text, Timestamp at) {
  alarm.state = State::cleared;
  alarm.cleared_at = at;
  add_deed(alarm, {at, Action::cleared, std::move(by), std::nullopt, std::move(text)});
  auto of_subject = subjects_.find(subject_key(alarm));
  auto& [ids, evidence] = of_subject->second;
  evidence.give_back(alarm.additional_information);
  ids.erase(condition_key(alarm.source, alarm.condition, alarm.instance));
  if (ids.empty()) subjects_.erase(of_subject);
  auto id = alarm.id;
  Change change{Action::cleared, std::move(alarm)};
  by_id_.erase(id);
  return change;
}

std::optional<Change> Book::clear(const Subject& subject, Source source,
                                  const std::string& condition, const std::string& instance,
                                  const std::string& why, Timestamp at) {
  auto of_subject = subjects_.find(subject_key(subject));
  if (of_subject == subjects_.end()) return std::nullopt;
  auto known = of_subject->second.ids.find(condition_key(source, condition, instance));
  if (known == of_subject->second.ids.end()) return std::nullopt;
  return close(by_id_.at(known->second), sayer(source), why, at);
}

std::vector<Change> Book::clear_all(const Subject& subject,
                                    const std::function<bool(const Alarm&)>& choose,
                                    const std::string& why, Timestamp at) {
  std::vector<Change> changes;
  auto of_subject = subjects_.find(subject_key(subject));
  if (of_subject == subjects_.end()) return changes;
  std::vector<std::string> chosen;
  for (auto& [key, id] : of_subject->second.ids)
    if (choose(by_id_.at(id))) chosen.push_back(id);
  for (auto& id : chosen) {
    auto& alarm = by_id_.at(id);
    changes.push_back(close(alarm, sayer(alarm.source), why, at));
  }
  return changes;
}

Result<Alarm*> Book::current(const std::string& id) {
  auto at = by_id_.find(id);
  if (at == by_id_.end())
    return Error(Errc::not_found, fmt::format("no current alarm '{}'", id), "/id");
  return &at->second;
}

Result<Change> Book::acknowledge(const std::string& id, const std::string& by, Timestamp at,
                                 std::optional<std::string> text) {
  TRY(auto* alarm, current(id));
  if (alarm->state == State::acknowledged) return Change{Action::acknowledged, *alarm};
  alarm->state = State::acknowledged;
  alarm->ack_info = AckInfo{at, by};
  add_deed(*alarm, {at, Action::acknowledged, by, std::nullopt, std::move(text)});
  return Change{Action::acknowledged, *alarm};
}

Result<Change> Book::clear_by_hand(const std::string& id, const std::string& by, Timestamp at,
                                   std::optional<std::string> text) {
  TRY(auto* alarm, current(id));
  return close(*alarm, by, std::move(text), at);
}

Result<Change> Book::comment(const std::string& id, const std::string& by, Timestamp at,
                             std::string text) {
  TRY(auto* alarm, current(id));
  if (alarm->comments.size() >= most_comments)
    return Error(Errc::too_large, fmt::format("{} comments are enough", most_comments));
  alarm->comments.push_back({at, by, text});
  add_deed(*alarm, {at, Action::commented, by, std::nullopt, std::move(text)});
  return Change{Action::commented, *alarm};
}

const Alarm* Book::find(const std::string& id) const {
  auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &at->second;
}

const Alarm* Book::find(const Subject& subject, Source source, const std::string& condition,
                        const std::string& instance) const {
  auto of_subject = subjects_.find(subject_key(subject));
  if (of_subject == subjects_.end()) return nullptr;
  auto known = of_subject->second.ids.find(condition_key(source, condition, instance));
  return known == of_subject->second.ids.end() ? nullptr : find(known->second);
}

}  // namespace muster::alarms
