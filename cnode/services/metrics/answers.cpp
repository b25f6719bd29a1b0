#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/turn.h"
#include "services/metrics/combine.h"
#include "services/metrics/conversions.h"
#include "services/metrics/metrics.h"

namespace muster::metrics {

using ops::Caller;

namespace {

constexpr std::size_t most_points = 200'000;  ///< of an answer
constexpr std::size_t most_values = 200'000;  ///< of an answer, which is written in one go
constexpr std::size_t most_names = 500;       ///< in a question

PointView point_view(const store::Point& point) {
  PointView view;
  auto& value = point.value;
  view.at = time_of(point.when.at);
  if (point.when.node_at != point.when.at) view.node_at = time_of(point.when.node_at);
  if (value.count == 1 && value.min == value.last) {
    view.value = value.last;
    return view;
  }
  view.count = value.count;
  view.min = value.min;
  view.mean = store::Number::of(value.mean);
  view.max = value.max;
  view.last = value.last;
  return view;
}

}  // namespace

Result<CatalogueView> Metrics::show_catalogue(ops::Empty, const Caller&) {
  CatalogueView view;
  for (auto& metric : catalogue())
    view.items.push_back({metric.name, metric.kind, metric.unit, metric.doc, metric.labels,
                          metric.wombat, metric.prometheus.name});
  return view;
}

Result<Metrics::Nodes> Metrics::nodes_of(const std::optional<std::string>& node,
                                         const std::optional<std::string>& family) const {
  if (node.has_value() == family.has_value())
    return Error(Errc::bad_request, "either node or family wanted", "/node");
  if (node) {
    auto row = topology_.find(*node);
    if (!row) return Error(Errc::not_found, row.error().message, "/node");
    return Nodes{*std::move(row)};
  }
  auto rows = topology_.of_family(*family);
  if (!rows) return Error(Errc::not_found, rows.error().message, "/family");
  return *std::move(rows);
}

/// By our names, WombatOAM's, or those of a library's metrics. In order of the ids.
Result<std::vector<SeriesId>> Metrics::series_named(const std::vector<std::string>& names) const {
  if (names.size() > most_names)
    return Error(Errc::too_large, fmt::format("{} names at most", most_names), "/metrics");
  std::vector<SeriesId> ids;
  std::set<std::string> asked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto name = names[i];
    bool is_known = find_metric(name) != nullptr;
    if (!is_known)
      for (auto& metric : catalogue())
        if (metric.wombat == name) {
          name = metric.name;
          is_known = true;
        }
    if (!asked.insert(name).second) continue;
    auto found = dictionary_.of_metric(name);
    if (found.empty() && !is_known)
      return Error(Errc::not_found, fmt::format("no metric '{}'", name),
                   fmt::format("/metrics/{}", i));
    ids.insert(ids.end(), found.begin(), found.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

SeriesView Metrics::series_view(SeriesId id) const {
  auto& series = dictionary_.series_of(id);
  SeriesView view{series.name, series.kind, parse_labels(series.labels), unless_empty(series.part),
                  std::nullopt};
  if (auto* metric = find_metric(series.name)) view.unit = metric->unit;
  return view;
}

LatestView Metrics::latest_view(const std::string& node, const Latest& latest,
                                const std::vector<SeriesId>& wanted) const {
  LatestView view;
  view.node = {node};
  view.at = time_of(latest.when.at);
  view.node_at = time_of(latest.when.node_at);
  for (auto& sample : latest.samples) {
    if (!wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), sample.series))
      continue;
    if (!dictionary_.has(sample.series)) continue;
    auto& series = dictionary_.series_of(sample.series);
    view.values.push_back(
        {series.name, parse_labels(series.labels), unless_empty(series.part), sample.number()});
  }
  return view;
}

Task<SeriesList> Metrics::list(Whose request, Caller caller) {
  CO_TRY(auto nodes, nodes_of(request.node, request.family));
  auto held = co_await reading_.take(caller.name);
  Turn turn;
  std::set<SeriesId> ids;
  for (auto& node : nodes) {
    if (turn.is_over()) co_await next_turn(turn);
    if (auto found = latest_.find(node.name); found != latest_.end()) {
      for (auto& sample : found->second->samples) ids.insert(sample.series);
    } else if (auto id = dictionary_.find_node(node.name)) {
      CO_TRY(auto series, co_await archive_->series_of(id));
      ids.insert(series.begin(), series.end());
    }
  }
  SeriesList list;
  for (auto id : ids) {
    if (turn.is_over()) co_await next_turn(turn);
    if (dictionary_.has(id)) list.items.push_back(series_view(id));
  }
  std::sort(list.items.begin(), list.items.end(), [](auto& a, auto& b) {
    return std::tie(a.metric, a.labels, a.part) < std::tie(b.metric, b.labels, b.part);
  });
  co_return list;
}

Task<LatestList> Metrics::latest(AskLatest request, Caller caller) {
  auto held = co_await looking_.take(caller.name);
  CO_TRY(auto nodes, nodes_of(request.node, request.family));
  CO_TRY(auto wanted, series_named(request.metrics));
  LatestList list;
  if (wanted.empty() && !request.metrics.empty()) co_return list;
  Turn turn;
  std::size_t values = 0;
  for (auto& node : nodes) {
    if (turn.is_over()) co_await next_turn(turn);
    auto found = latest_.find(node.name);
    if (found == latest_.end()) continue;
    list.items.push_back(latest_view(node.name, *found->second, wanted));
    values += list.items.back().values.size();
    if (values > most_values)
      co_return Error(Errc::too_large,
                      fmt::format("{} values at most: ask for fewer nodes or names", most_values),
                      "/metrics");
  }
  co_return list;
}

Task<LineList> Metrics::query(QueryMetrics request, Caller caller) {
  CO_TRY(auto nodes, nodes_of(request.node, request.family));
  if (request.metrics.empty()) co_return Error(Errc::bad_request, "wanted names", "/metrics");
  store::MetricQuery query;
  CO_TRY(query.series, series_named(request.metrics));
  for (auto& node : nodes)
    if (auto id = dictionary_.find_node(node.name)) query.nodes.push_back(id);
  query.to = ms(request.until.value_or(clock_.now())) + (request.until ? 0 : 1);
  query.from = request.since ? ms(*request.since) : query.to - 3'600'000;
  if (query.from >= query.to) co_return Error(Errc::bad_request, "not before `until`", "/since");
  auto how = request.combine.value_or(Combine::stacked);
  auto percentile = request.percentile.value_or(95);
  if (!(percentile >= 0 && percentile <= 100))
    co_return Error(Errc::bad_request, "0 to 100 wanted", "/percentile");
  if (request.step) {
    auto step = store::parse_duration(*request.step);
    if (!step) co_return Error(Errc::bad_request, step.error().message, "/step");
    query.step = std::int64_t{step->count()} * 1000;
  } else if (how != Combine::stacked) {
    query.step =
        std::int64_t{settings_.interval.count()} * 1000;  // nodes answer at their own times
  }
  query.most_points = most_points;
  LineList list;
  if (query.series.empty() || query.nodes.empty()) co_return list;
  auto turn = co_await reading_.take(caller.name);
  CO_TRY(auto lines, co_await archive_->query(std::move(query)));
  if (how != Combine::stacked) lines = combine(lines, how, percentile);
  for (auto& line : lines) {
    auto series = series_view(line.series);
    LineView view{std::nullopt, series.metric, series.kind, series.labels,
                  series.part,  series.unit,   {}};
    if (line.node != 0) view.node = ops::NodeName{dictionary_.node_name(line.node)};
    for (auto& point : line.points) view.points.push_back(point_view(point));
    list.items.push_back(std::move(view));
  }
  co_return list;
}

}  // namespace muster::metrics
