#include "services/metrics/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace muster::metrics {
namespace {

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t most_looks = 200'000;  ///< at samples, for one piece
constexpr std::size_t look_up = 8;           ///< what finding one of some hundred costs

/// What a name may have: [a-zA-Z0-9_:].
std::string clean_name(std::string_view text) {
  std::string name;
  for (char c : text) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

std::string type_of_library(const std::string& kind) {
  return kind == "counter" || kind == "fast_counter" ? "counter" : "gauge";
}

std::string escaped(std::string_view text) {
  std::string label;
  add_label(label, "", text);
  return label.substr(2, label.size() - 3);
}

void put_value(std::string& out, const store::Number& number, double scale) {
  auto value = number.real() * scale;
  if (!number.is_real && scale == 1)
    fmt::format_to(std::back_inserter(out), "{}\n", number.integer());
  else if (std::isnan(value))
    out += "NaN\n";
  else if (std::isinf(value))
    out += value > 0 ? "+Inf\n" : "-Inf\n";
  else
    fmt::format_to(std::back_inserter(out), "{}\n", value);
}

}  // namespace

void ExpositionPlan::extend(const Dictionary& dictionary) {
  while (groups_of_.size() < dictionary.newest()) {
    auto id = static_cast<SeriesId>(groups_of_.size() + 1);
    groups_of_.push_back({none, none});
    if (dictionary.has(id)) add(id, dictionary.series_of(id));
  }
}

void ExpositionPlan::remove(const std::vector<SeriesId>& gone) {
  std::set<std::uint32_t> touched;
  for (auto id : gone) {
    if (id > groups_of_.size()) break;
    auto groups = std::exchange(groups_of_[id - 1], {none, none});
    touched.insert(groups.begin(), groups.end());
  }
  touched.erase(none);
  for (auto group : touched)
    std::erase_if(groups_[group].lines, [&](const Line& line) {
      return std::binary_search(gone.begin(), gone.end(), line.series);
    });
}

void ExpositionPlan::add(SeriesId id, const store::Series& series) {
  Line line{id, series.labels, 1};
  if (auto* metric = find_metric(series.name)) {
    auto& names = metric->prometheus;
    line.scale = names.scale;
    for (auto& [key, value] : names.labels) add_label(line.labels, key, value);
    auto group = add(names.name, names.type, metric->doc, line);
    auto older = names.compat.empty() ? group : add(names.compat, names.type, metric->doc, line);
    groups_of_[id - 1] = {group, older};
    return;
  }
  // Nodes share a name, so nothing else that one of them says stands over it.
  auto name = clean_name(series.name);
  if (!series.part.empty()) add_label(line.labels, "part", series.part);
  auto group = add("muster_library_" + name, type_of_library(series.kind),
                   "What libraries on nodes call " + name, std::move(line));
  groups_of_[id - 1] = {group, group};
}

std::uint32_t ExpositionPlan::add(const std::string& name, std::string type, std::string help,
                                  Line line) {
  auto [at, is_new] = by_name_.try_emplace(name, groups_.size());
  if (is_new) groups_.push_back({name, type, std::move(help), {}});
  auto& group = groups_[at->second];
  if (group.lines.empty()) group.type = type;
  if (group.type != type) group.type = "untyped";
  group.lines.push_back(std::move(line));
  return static_cast<std::uint32_t>(at->second);
}

const ExpositionPlan::Line* ExpositionPlan::find(std::size_t group, SeriesId series) const {
  auto& own = groups_of_[series - 1];
  if (own[0] != group && own[1] != group) return nullptr;
  auto& lines = groups_[group].lines;
  return &*std::lower_bound(lines.begin(), lines.end(), series,
                            [](const Line& line, SeriesId id) { return line.series < id; });
}

Exposition::Exposition(const ExpositionPlan& plan,
                       std::vector<std::pair<std::string, LatestPtr>> nodes, std::string own)
    : plan_(plan), nodes_(std::move(nodes)), own_(std::move(own)) {
  for (auto& [name, latest] : nodes_) name = escaped(name);
}

void Exposition::write(const ExpositionPlan::Line& line, const store::Number& value,
                       std::string& out) {
  auto& group = plan_.groups()[group_];
  if (!has_head_)
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", group.name, group.help,
                   group.name, group.type);
  has_head_ = true;
  fmt::format_to(std::back_inserter(out), "{}{{{}{}instance=\"{}\"}} ", group.name, line.labels,
                 line.labels.empty() ? "" : ",", nodes_[node_].first);
  put_value(out, value, line.scale);
}

/// A name that few nodes have is looked for in all of them: also that ends a piece in time, with a
/// line that means nothing.
std::string Exposition::next_piece() {
  auto out = std::exchange(own_, {});
  std::size_t looked = 0;
  for (; group_ < plan_.groups().size(); ++group_, node_ = 0, has_head_ = false) {
    auto& lines = plan_.groups()[group_].lines;
    for (; node_ < nodes_.size(); ++node_) {
      if (out.size() >= piece_size) return out;
      if (looked >= most_looks) return out.empty() ? "\n" : out;
      auto& samples = nodes_[node_].second->samples;
      looked += std::min(lines.size() * look_up, samples.size()) + 1;
      if (lines.size() * look_up > samples.size()) {  // one for each of many peers
        for (auto& sample : samples)
          if (auto* line = plan_.find(group_, sample.series)) write(*line, sample.number(), out);
        continue;
      }
      for (auto& line : lines) {
        auto found = std::lower_bound(samples.begin(), samples.end(), line.series,
                                      [](auto& s, auto id) { return s.series < id; });
        if (found != samples.end() && found->series == line.series)
          write(line, found->number(), out);
      }
    }
  }
  return out;
}

Task<std::string> Exposition::next() {
  co_return next_piece();
}

}  // namespace muster::metrics
