#include "services/alarms/sample_reader.h"

#include "services/alarms/node_text.h"
#include "services/alarms/schemas.h"

namespace muster::alarms {

namespace {

constexpr std::size_t most_values = 20'000, most_name = 200;

struct Reading {
  std::vector<std::string> keys;
  bool is_counted = false;  ///< by the agent notifications
  bool is_account = false;  ///< what each agent says of itself, or of its looks at the node
  bool is_made = false;     ///< by the daemon, of what each agent says
};

const std::unordered_map<std::string, Reading>& catalogue() {
  static const auto paths = [] {
    std::unordered_map<std::string, Reading> paths;
    auto document = ops::json::parse(metrics_json());
    for (auto& row : document.at("metrics").as_array()) {
      std::vector<std::string> keys(1);
      for (char c : row.at("read").as_string()) {
        if (c == '.')
          keys.emplace_back();
        else
          keys.back() += c;
      }
      auto* source = row.as_object().if_contains("source");
      bool is_counted = source && *source == "notifications";
      bool is_account = source && (*source == "agent" || *source == "alarms");
      bool is_made = source && *source == "daemon";
      paths.emplace(std::string(row.at("name").as_string()),
                    Reading{std::move(keys), is_counted, is_account, is_made});
    }
    return paths;
  }();
  return paths;
}

bool is_of_library(const std::string& name) {
  return name.starts_with("folsom.") || name.starts_with("exometer.") ||
         name.starts_with("telemetry.");
}

/// [web, hits] is "web.hits".
std::string name_of(const etf::Term& term) {
  std::vector<etf::Term> parts;
  if (!term.is<etf::List>() || !term.proper_list(parts)) return node_text(term);
  std::string name;
  for (auto& part : parts) {
    if (name.size() > most_name) break;
    name += (name.empty() ? "" : ".") + node_text(part);
  }
  return name;
}

std::optional<double> number(const etf::Term& term) {
  if (auto* integer = term.get_if<std::int64_t>()) return static_cast<double>(*integer);
  if (auto* real = term.get_if<double>()) return *real;
  return std::nullopt;
}

void walk(const etf::Term& at, std::span<const std::string> keys, std::uint32_t metric,
          const std::string& label, std::vector<Sample>& samples) {
  if (keys.empty()) {
    if (auto value = number(at); value && samples.size() < most_values)
      samples.push_back({metric, label, *value});
    return;
  }
  auto* map = at.get_if<etf::Map>();
  if (!map) return;
  if (keys[0] != "*") {
    if (auto* next = map->find(keys[0])) walk(*next, keys.subspan(1), metric, label, samples);
    return;
  }
  for (auto& [key, next] : map->pairs) {
    auto name =
        key.is<std::int64_t>() ? std::to_string(*key.get_if<std::int64_t>()) : node_text(key);
    walk(next, keys.subspan(1), metric, label.empty() ? name : label + "/" + name, samples);
  }
}

}  // namespace

bool SampleReader::is_metric(const std::string& name) {
  return catalogue().contains(name) || is_of_library(name);
}

void SampleReader::want(RuleEngine& engine) {
  paths_.clear();
  counted_.clear();
  accounts_.clear();
  of_libraries_.clear();
  lacking_.reset();
  dropped_.reset();
  for (auto& name : engine.metrics()) {
    auto known = catalogue().find(name);
    if (known == catalogue().end())
      of_libraries_[name] = engine.metric(name);
    else if (known->second.is_counted)
      counted_.push_back({engine.metric(name), known->second.keys});
    else if (known->second.is_made)
      (known->second.keys[0] == "lacking" ? lacking_ : dropped_) = engine.metric(name);
    else if (known->second.is_account)
      accounts_.push_back({engine.metric(name), known->second.keys});
    else
      paths_.push_back({engine.metric(name), known->second.keys});
  }
}

std::vector<Sample> SampleReader::read(const etf::Term& values) const {
  std::vector<Sample> samples;
  for (auto& path : paths_) walk(values, path.keys, path.metric, {}, samples);
  auto* map = values.get_if<etf::Map>();
  auto* user = map ? map->find("user") : nullptr;
  std::vector<etf::Term> readings;
  if (of_libraries_.empty() || !user || !user->proper_list(readings)) return samples;
  for (auto& reading : readings) {
    auto* parts = reading.tuple(4);
    auto value = parts ? number((*parts)[3]) : std::nullopt;
    if (!value) continue;
    auto known = of_libraries_.find(node_text((*parts)[0]) + "." + name_of((*parts)[1]));
    if (known != of_libraries_.end()) samples.push_back({known->second, {}, *value});
  }
  return samples;
}

std::vector<Sample> SampleReader::read_counts(const etf::Term& counts) const {
  std::vector<Sample> samples;
  auto* map = counts.get_if<etf::Map>();
  if (!map) return samples;
  for (auto& path : counted_) {
    auto* found = map->find(path.keys[0]);
    auto value = found ? number(*found) : std::nullopt;
    samples.push_back({path.metric, {}, value.value_or(0)});
  }
  return samples;
}

std::vector<Sample> SampleReader::read_account(const etf::Term& message, const std::string& agent,
                                               std::uint64_t dropped) const {
  std::vector<Sample> samples;
  for (auto& path : accounts_)
    walk(message, path.keys, path.metric, path.keys[0] == "agent" ? agent : "", samples);
  auto* map = message.get_if<etf::Map>();
  auto* lacking = map ? map->find("lacking") : nullptr;
  if (auto* readings = lacking ? lacking->get_if<etf::Map>() : nullptr; readings && lacking_)
    samples.push_back({*lacking_, agent, static_cast<double>(readings->pairs.size())});
  if (dropped_ && agent != "metrics")  // which has no events
    samples.push_back({*dropped_, agent, static_cast<double>(dropped)});
  return samples;
}

/// A number, or numbers by source.
std::uint64_t SampleReader::dropped(const etf::Term& message) {
  auto* map = message.get_if<etf::Map>();
  auto* dropped = map ? map->find("dropped") : nullptr;
  if (!dropped) return 0;
  auto positive = [](const etf::Term& term) {
    auto* count = term.get_if<std::int64_t>();
    return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
  };
  auto* by_source = dropped->get_if<etf::Map>();
  if (!by_source) return positive(*dropped);
  std::uint64_t sum = 0;
  for (auto& [source, count] : by_source->pairs) sum += positive(count);
  return sum;
}

}  // namespace muster::alarms
