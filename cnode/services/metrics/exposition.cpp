#include "services/metrics/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace muster::metrics {
namespace {

constexpr std::size_t piece_size = 64 * 1024;

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

Exposition::Exposition(const Dictionary& dictionary,
                       std::vector<std::pair<std::string, LatestPtr>> nodes, std::string own)
    : nodes_(std::move(nodes)), own_(std::move(own)) {
  for (auto& [name, latest] : nodes_) name = escaped(name);
  for (SeriesId id = 1; id <= dictionary.size(); ++id) add(id, dictionary.series_of(id));
  group_ = groups_.begin();
}

void Exposition::add(SeriesId id, const store::Series& series) {
  Line line{id, series.labels, 1};
  std::string name, type, help;
  if (auto* metric = find_metric(series.name)) {
    name = metric->prometheus.name;
    type = metric->prometheus.type;
    help = metric->doc;
    line.scale = metric->prometheus.scale;
    for (auto& [key, value] : metric->prometheus.labels) add_label(line.labels, key, value);
  } else {
    name = "muster_library_" + clean_name(series.name);
    type = type_of_library(series.kind);
    help = series.kind + " " + series.name;
    std::erase(help, '\n');
    if (!series.part.empty()) add_label(line.labels, "part", series.part);
  }
  auto& group = groups_[name];
  if (group.lines.empty()) group = {name, type, help, {}};
  group.lines.push_back(std::move(line));
}

std::string Exposition::next_piece() {
  auto out = std::exchange(own_, {});
  while (group_ != groups_.end() && out.size() < piece_size) {
    auto& group = group_->second;
    bool is_begun = node_ > 0;
    for (; node_ < nodes_.size() && out.size() < piece_size; ++node_) {
      auto& samples = nodes_[node_].second->samples;
      for (auto& line : group.lines) {
        auto found = std::lower_bound(samples.begin(), samples.end(), line.series,
                                      [](auto& s, auto id) { return s.series < id; });
        if (found == samples.end() || found->series != line.series) continue;
        if (!is_begun)
          fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", group.name,
                         group.help, group.name, group.type);
        is_begun = true;
        fmt::format_to(std::back_inserter(out), "{}{{{}{}instance=\"{}\"}} ", group.name,
                       line.labels, line.labels.empty() ? "" : ",", nodes_[node_].first);
        put_value(out, found->number(), line.scale);
      }
    }
    if (node_ < nodes_.size()) break;
    ++group_;
    node_ = 0;
  }
  return out;
}

Task<std::string> Exposition::next() {
  co_return next_piece();
}

}  // namespace muster::metrics
