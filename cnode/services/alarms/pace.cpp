#include "services/alarms/pace.h"

#include <fmt/format.h>

#include <algorithm>

namespace muster::alarms {

namespace {

std::string key_of(Source source, const std::string& condition, const std::string& instance) {
  return fmt::format("{}\n{}\n{}", static_cast<int>(source), condition, instance);
}

}  // namespace

void Pace::fill(Node& node, Time now) {
  std::chrono::duration<double> passed = now - node.filled;
  node.filled = now;
  node.tokens = std::min(at_once, node.tokens + passed.count() * per_second);
}

bool Pace::admits(const Report& report, Time now) {
  auto [at, is_new] = nodes_.try_emplace(report.subject.id);
  auto& node = at->second;
  if (is_new) node.filled = now;
  fill(node, now);
  auto key = key_of(report.source, report.condition, report.instance);
  if (node.held.empty() && node.tokens >= 1) {
    node.tokens -= 1;
    return true;
  }
  auto before = node.held.find(key);
  if (before == node.held.end() && node.held.size() >= most_held) {
    ++refused_;
    return false;
  }
  if (before != node.held.end()) node.evidence.give_back(before->second.evidence);
  auto kept = report;
  node.evidence.take(kept.evidence);
  node.held.insert_or_assign(std::move(key), std::move(kept));
  return false;
}

void Pace::drop(const Subject& subject, Source source, const std::string& condition,
                const std::string& instance) {
  auto node = nodes_.find(subject.id);
  if (node == nodes_.end()) return;
  auto held = node->second.held.find(key_of(source, condition, instance));
  if (held == node->second.held.end()) return;
  node->second.evidence.give_back(held->second.evidence);
  node->second.held.erase(held);
}

void Pace::drop_all(const Subject& subject, const std::function<bool(const Alarm&)>& choose) {
  auto node = nodes_.find(subject.id);
  if (node == nodes_.end()) return;
  std::erase_if(node->second.held, [&](const auto& held) {
    Alarm alarm;
    alarm.source = held.second.source;
    alarm.condition = held.second.condition;
    alarm.instance = held.second.instance;
    bool is_chosen = choose(alarm);
    if (is_chosen) node->second.evidence.give_back(held.second.evidence);
    return is_chosen;
  });
}

std::vector<Report> Pace::take_due(Time now) {
  std::vector<Report> due;
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    auto& node = at->second;
    fill(node, now);
    for (; node.tokens >= 1 && !node.held.empty(); node.tokens -= 1) {
      auto next = node.held.upper_bound(node.last);
      if (next == node.held.end()) next = node.held.begin();
      node.last = next->first;
      node.evidence.give_back(next->second.evidence);
      due.push_back(std::move(next->second));
      node.held.erase(next);
    }
    bool is_whole = node.held.empty() && node.tokens >= at_once;
    at = is_whole ? nodes_.erase(at) : std::next(at);
  }
  return due;
}

std::vector<Subject> Pace::holding() const {
  std::vector<Subject> subjects;
  for (auto& [id, node] : nodes_)
    if (!node.held.empty()) subjects.push_back(node.held.begin()->second.subject);
  return subjects;
}

}  // namespace muster::alarms
