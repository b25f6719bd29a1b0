#include "services/metrics/accounts.h"

#include <algorithm>

namespace muster::metrics {

using namespace std::chrono_literals;

namespace {

/// Interval messages have this key; what comes in between is not counted as another pass.
std::string_view mark_of(std::string_view agent) {
  if (agent == "notifications") return "counts";
  if (agent == "alarms") return "present";
  return "values";
}

std::uint64_t positive(const etf::Term& term) {
  auto* count = term.get_if<std::int64_t>();
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

/// A number, or numbers by source.
std::uint64_t sum_of(const etf::Term& dropped) {
  auto* map = dropped.get_if<etf::Map>();
  if (!map) return positive(dropped);
  std::uint64_t sum = 0;
  for (auto& [source, count] : map->pairs) sum += positive(count);
  return sum;
}

std::chrono::milliseconds patience(const etf::Map& message) {
  auto* interval = message.find("interval_ms");
  auto* ms = interval ? interval->get_if<std::int64_t>() : nullptr;
  return 3 * std::chrono::milliseconds(std::clamp<std::int64_t>(ms ? *ms : 0, 1000, 3'600'000));
}

}  // namespace

Accounts::Accounts(SampleReader& reader) : reader_(reader) {
  auto& metrics = catalogue();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    auto& metric = metrics[i];
    if (metric.name == "agent.lacking") lacking_ = i;
    if (metric.name == "agent.events_dropped") dropped_ = i;
    if (metric.source == "notifications") events_.emplace_back(metric.path.back(), i);
    if (metric.source == "alarms") scanned_.emplace_back(metric.path.back(), i);
  }
}

void Accounts::heard(const std::string& node, const std::string& agent, const etf::Term& message,
                     Time now) {
  auto* map = message.get_if<etf::Map>();
  if (!map) return;
  auto& known = nodes_[node];
  auto& dropped = known.dropped[agent];
  if (auto* more = map->find("dropped")) dropped += sum_of(*more);
  if (auto* scan = map->find("scan")) {
    Reading reading;
    read_scan(*scan, reading);
    known.said["scan"] = {now + std::max<Time::duration>(patience(*map), 10min),
                          std::move(reading.samples)};
  }
  if (!map->find(mark_of(agent))) return;
  Reading reading;
  read_own(agent, *map, dropped, reading);
  known.said[agent] = {now + patience(*map), std::move(reading.samples)};
}

void Accounts::read_own(const std::string& agent, const etf::Map& message, std::uint64_t dropped,
                        Reading& reading) {
  if (auto* account = message.find("agent")) reader_.read_account(agent, *account, reading);
  if (auto* lacking = message.find("lacking"))
    if (auto* map = lacking->get_if<etf::Map>())
      reader_.add(lacking_, {agent}, static_cast<std::int64_t>(map->pairs.size()), reading);
  if (agent != "metrics")
    reader_.add(dropped_, {agent}, static_cast<std::int64_t>(dropped), reading);
  if (agent != "notifications") return;
  // What it does not name has not happened yet.
  auto* counts = message.find("counts");
  auto* map = counts ? counts->get_if<etf::Map>() : nullptr;
  for (auto& [kind, row] : events_) {
    auto* count = map ? map->find(kind) : nullptr;
    reader_.add(row, {}, count ? *count : etf::Term(std::int64_t{0}), reading);
  }
}

void Accounts::read_scan(const etf::Term& scan, Reading& reading) {
  auto* map = scan.get_if<etf::Map>();
  if (!map) return;
  for (auto& [key, row] : scanned_)
    if (auto* value = map->find(key)) reader_.add(row, {}, *value, reading);
}

void Accounts::add_to(const std::string& node, Reading& reading, Time now) {
  auto known = nodes_.find(node);
  if (known == nodes_.end()) return;
  auto& said = known->second.said;
  std::erase_if(said, [&](auto& entry) { return entry.second.until < now; });
  for (auto& [agent, entry] : said)
    reading.samples.insert(reading.samples.end(), entry.samples.begin(), entry.samples.end());
}

void Accounts::node_down(const std::string& node) {
  if (auto known = nodes_.find(node); known != nodes_.end()) known->second.said.clear();
}

}  // namespace muster::metrics
