#include "services/metrics/sample_reader.h"

#include <algorithm>
#include <set>
#include <span>

#include "base/clean_text.h"
#include "etf/print.h"

namespace muster::metrics {
namespace {

constexpr std::size_t most_text = 200, most_parts = 64, most_labels = 4;
constexpr std::size_t most_user = 1200;  ///< of libraries in one message: agents send no more

std::string text_of(const etf::Term& term) {
  if (auto* integer = term.get_if<std::int64_t>()) return std::to_string(*integer);
  return etf::name_of(term, most_text);
}

/// [web, hits] is "web.hits".
std::string name_of(const etf::Term& term) {
  std::vector<etf::Term> elements;
  if (!term.is<etf::List>() || !term.proper_list(elements)) return text_of(term);
  std::string name;
  for (auto& element : elements) {
    if (name.size() > most_text) break;
    (name += name.empty() ? "" : ".") += text_of(element);
  }
  return clean_text(name, most_text);
}

/// What folsom, exometer and telemetry call what they have; whatever else a node says is a gauge.
std::string kind_of(const etf::Term& term) {
  static const std::set<std::string, std::less<>> kinds{
      "counter", "fast_counter", "gauge",        "histogram",   "duration", "meter",
      "spiral",  "uniform",      "meter_reader", "measurement", "history",  "function"};
  auto* atom = term.get_if<etf::Atom>();
  return atom && kinds.contains(atom->name) ? atom->name : "gauge";
}

std::optional<store::Number> number_of(const etf::Term& term) {
  if (auto* integer = term.get_if<std::int64_t>()) return store::Number::of(*integer);
  if (auto* real = term.get_if<double>()) return store::Number::of(*real);
  if (auto* big = term.get_if<etf::BigInteger>()) {
    double value = 0;
    for (auto byte = big->magnitude.rbegin(); byte != big->magnitude.rend(); ++byte)
      value = value * 256 + static_cast<unsigned char>(*byte);
    return store::Number::of(big->is_negative ? -value : value);
  }
  return std::nullopt;
}

std::int64_t integer_at(const etf::Map& map, std::string_view key) {
  auto* value = map.find(key);
  auto* integer = value ? value->get_if<std::int64_t>() : nullptr;
  return integer ? *integer : 0;
}

}  // namespace

SampleReader::SampleReader(Dictionary& dictionary) : dictionary_(dictionary) {
  auto& metrics = catalogue();
  plain_.resize(metrics.size());
  labelled_.resize(metrics.size());
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (!metrics[i].source.empty() && metrics[i].source != "agent") continue;
    auto* step = &root_;
    for (auto& key : metrics[i].path) {
      auto& next = key == "*" ? step->any : step->next[key];
      if (!next) next = std::make_unique<Step>();
      step = next.get();
    }
    step->metrics.push_back(i);
  }
}

void SampleReader::forget_series() {
  std::fill(plain_.begin(), plain_.end(), 0);
  for (auto& known : labelled_) known.clear();
}

Reading SampleReader::read(const etf::Term& message, NodeId node) {
  Reading reading;
  reading.node = node;
  auto* map = message.get_if<etf::Map>();
  if (!map) return reading;
  reading.node_at = integer_at(*map, "at");
  reading.interval_ms = integer_at(*map, "interval_ms");
  std::vector<std::string> labels;
  auto* values = map->find("values");
  if (values) walk(root_, *values, labels, reading);
  auto* value_map = values ? values->get_if<etf::Map>() : nullptr;
  auto* user = value_map ? value_map->find("user") : nullptr;
  if (auto* items = user ? user->get_if<etf::List>() : nullptr) {
    auto count = std::min(items->elements.size(), most_user);
    for (auto& item : std::span(items->elements).first(count)) read_library(item, reading);
    reading.left_out += items->elements.size() - count;
  }
  return reading;
}

void SampleReader::read_account(const std::string& agent, const etf::Term& account,
                                Reading& reading) {
  std::vector<std::string> labels{agent};
  if (auto at = root_.next.find("agent"); at != root_.next.end())
    walk(*at->second, account, labels, reading);
}

void SampleReader::walk(const Step& step, const etf::Term& at, std::vector<std::string>& labels,
                        Reading& reading) {
  for (auto metric : step.metrics) add(metric, labels, at, reading);
  auto* map = at.get_if<etf::Map>();
  if (!map) return;
  for (std::size_t i = 0; i < map->pairs.size(); ++i) {
    if (reading.samples.size() >= most_samples)
      return void(reading.left_out += map->pairs.size() - i);
    auto& [key, value] = map->pairs[i];
    if (auto* atom = key.get_if<etf::Atom>())
      if (auto found = step.next.find(atom->name); found != step.next.end())
        walk(*found->second, value, labels, reading);
    if (!step.any || labels.size() >= most_labels) continue;
    labels.push_back(text_of(key));
    walk(*step.any, value, labels, reading);
    labels.pop_back();
  }
}

void SampleReader::add(std::size_t index, const std::vector<std::string>& labels,
                       const etf::Term& value, Reading& reading) {
  auto number = number_of(value);
  if (!number) return;
  auto& metric = catalogue()[index];
  if (labels.size() != metric.labels.size()) return;
  if (reading.samples.size() >= most_samples) return void(++reading.left_out);
  SeriesId id = 0;
  if (labels.empty()) {
    if (plain_[index] == 0) plain_[index] = dictionary_.series({metric.name, {}, metric.kind, {}});
    id = plain_[index];
  } else {
    auto text = label_text(metric.labels, labels);
    auto& known = labelled_[index];
    auto found = known.find(text);
    auto from = reading.node == 0 ? Dictionary::From::catalogue : Dictionary::From::labels;
    id = found == known.end()
             ? dictionary_.series({metric.name, text, metric.kind, {}}, from, reading.node)
             : found->second;
    if (found == known.end() && id != 0) known.emplace(std::move(text), id);
  }
  keep(id, *number, reading);
}

void SampleReader::add(const store::Series& series, const etf::Term& value, Reading& reading) {
  auto number = number_of(value);
  if (!number) return;
  if (reading.samples.size() >= most_samples) return void(++reading.left_out);
  keep(dictionary_.series(series, Dictionary::From::node, reading.node), *number, reading);
}

void SampleReader::keep(SeriesId id, const store::Number& number, Reading& reading) {
  if (id != 0) return reading.samples.push_back({id, number.is_real, number.bits});
  ++reading.refused;
  ++reading.left_out;
}

/// {Library, Name, Kind, Value}: a number, or a map of numbers (a histogram and its like).
void SampleReader::read_library(const etf::Term& item, Reading& reading) {
  auto* parts = item.tuple(4);
  if (!parts) return;
  store::Series series{
      text_of((*parts)[0]) + "." + name_of((*parts)[1]), {}, kind_of((*parts)[2]), {}};
  auto* map = (*parts)[3].get_if<etf::Map>();
  if (!map) return add(series, (*parts)[3], reading);
  std::size_t count = 0;
  for (auto& [key, value] : map->pairs) {
    if (++count > most_parts) {
      ++reading.left_out;
      continue;
    }
    series.part = text_of(key);
    add(series, value, reading);
  }
}

}  // namespace muster::metrics
