#include "services/metrics/catalogue.h"

#include <boost/json/parse.hpp>
#include <unordered_map>

namespace muster::metrics {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& row, std::string_view key) {
  auto* value = row.if_contains(key);
  return value ? std::string(value->as_string()) : std::string();
}

Metric metric_of(const json::object& row) {
  Metric metric;
  metric.name = text_at(row, "name");
  metric.kind = text_at(row, "kind");
  metric.unit = text_at(row, "unit");
  metric.doc = text_at(row, "doc");
  metric.source = text_at(row, "source");
  metric.cost = text_at(row, "cost");
  metric.stock = text_at(row, "stock");
  metric.stock_path = text_at(row, "stock_path");
  metric.has_needs = row.contains("needs");
  if (row.contains("wombat")) metric.wombat = text_at(row, "wombat");
  if (auto* labels = row.if_contains("labels"))
    for (auto& label : labels->as_array()) metric.labels.emplace_back(label.as_string());
  metric.path.emplace_back();
  for (char c : row.at("read").as_string())
    if (c == '.')
      metric.path.emplace_back();
    else
      metric.path.back() += c;
  auto& given = row.at("prometheus").as_object();
  metric.prometheus.name = text_at(given, "name");
  metric.prometheus.type = text_at(given, "type");
  metric.prometheus.compat = text_at(given, "compat");
  if (auto* scale = given.if_contains("scale"))
    metric.prometheus.scale = scale->to_number<double>();
  if (auto* labels = given.if_contains("labels"))
    for (auto& [key, value] : labels->as_object())
      metric.prometheus.labels.emplace(key, value.as_string());
  return metric;
}

}  // namespace

const std::vector<Metric>& catalogue() {
  static const auto all = [] {
    std::vector<Metric> metrics;
    auto document =
        json::parse(json::string_view(catalogue_json().data(), catalogue_json().size()));
    for (auto& row : document.at("metrics").as_array())
      metrics.push_back(metric_of(row.as_object()));
    return metrics;
  }();
  return all;
}

const Metric* find_metric(std::string_view name) {
  static const auto by_name = [] {
    std::unordered_map<std::string_view, const Metric*> names;
    for (auto& metric : catalogue()) names.emplace(metric.name, &metric);
    return names;
  }();
  auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace muster::metrics
