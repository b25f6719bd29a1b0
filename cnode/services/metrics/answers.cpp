#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "services/metrics/combine.h"
#include "services/metrics/conversions.h"
#include "services/metrics/metrics.h"

namespace muster::metrics {

using ops::Caller;

namespace {

constexpr std::size_t most_points = 200'000;  ///< of an answer
constexpr std::uint32_t longest = 3600;

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

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<CatalogueView> Metrics::show_catalogue(ops::Empty, Caller) {
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
  std::vector<SeriesId> ids;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto name = names[i];
    bool is_known = find_metric(name) != nullptr;
    if (!is_known)
      for (auto& metric : catalogue())
        if (metric.wombat == name) {
          name = metric.name;
          is_known = true;
        }
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
    auto& series = dictionary_.series_of(sample.series);
    view.values.push_back(
        {series.name, parse_labels(series.labels), unless_empty(series.part), sample.number()});
  }
  return view;
}

Task<SeriesList> Metrics::list(Whose request, Caller) {
  CO_TRY(auto nodes, nodes_of(request.node, request.family));
  std::set<SeriesId> ids;
  for (auto& node : nodes) {
    if (auto found = latest_.find(node.name); found != latest_.end()) {
      for (auto& sample : found->second->samples) ids.insert(sample.series);
    } else if (auto id = dictionary_.find_node(node.name)) {
      CO_TRY(auto series, co_await archive_->series_of(id));
      ids.insert(series.begin(), series.end());
    }
  }
  SeriesList list;
  for (auto id : ids)
    if (id <= dictionary_.size()) list.items.push_back(series_view(id));
  std::sort(list.items.begin(), list.items.end(), [](auto& a, auto& b) {
    return std::tie(a.metric, a.labels, a.part) < std::tie(b.metric, b.labels, b.part);
  });
  co_return list;
}

Result<LatestList> Metrics::latest(AskLatest request, Caller) {
  TRY(auto nodes, nodes_of(request.node, request.family));
  TRY(auto wanted, series_named(request.metrics));
  LatestList list;
  if (wanted.empty() && !request.metrics.empty()) return list;
  for (auto& node : nodes)
    if (auto found = latest_.find(node.name); found != latest_.end())
      list.items.push_back(latest_view(node.name, *found->second, wanted));
  return list;
}

Task<LineList> Metrics::query(QueryMetrics request, Caller) {
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

Result<SettingsView> Metrics::show_settings(ops::Empty, Caller) {
  SettingsView view;
  view.schedule = store::to_text(settings_.store.schedule);
  view.interval = static_cast<std::uint32_t>(settings_.interval.count());
  for (auto& [node, interval] : intervals_.nodes)
    view.intervals.push_back(
        {ops::NodeName{node}, std::nullopt, static_cast<std::uint32_t>(interval.count())});
  for (auto& [family, interval] : intervals_.families)
    view.intervals.push_back({std::nullopt, family, static_cast<std::uint32_t>(interval.count())});
  view.disk_bytes = usage_.bytes;
  view.most_disk_bytes = settings_.store.most_bytes;
  view.memory_bytes = usage_.memory;
  view.samples = usage_.samples;
  view.damaged_blocks = usage_.damaged;
  view.dropped = dropped_;
  view.series = dictionary_.size();
  return view;
}

Task<SettingsView> Metrics::set_interval(SetInterval request, Caller caller) {
  CO_TRY(auto nodes, nodes_of(request.node, request.family));
  if (request.seconds && (*request.seconds == 0 || *request.seconds > longest))
    co_return Error(Errc::bad_request, fmt::format("1 to {} wanted", longest), "/seconds");
  std::chrono::seconds interval(request.seconds.value_or(0));
  auto node = request.node ? nodes.front().name : std::string();
  auto family = request.family ? nodes.front().family.value_or(*request.family) : std::string();
  CO_TRYV(co_await rows_.set(node, family, interval));
  auto& names = request.node ? intervals_.nodes : intervals_.families;
  auto& name = request.node ? node : family;
  if (request.seconds)
    names[name] = interval;
  else
    names.erase(name);
  for (auto& each : nodes) configure(each.name, true);
  co_return show_settings({}, std::move(caller));
}

Result<LiveView> Metrics::live(AskLive request, Caller) {
  TRY(auto nodes, nodes_of(request.node, request.family));
  constexpr std::size_t most_nodes = 100;
  auto seconds = request.seconds.value_or(60);
  if (seconds == 0 || seconds > longest)
    return Error(Errc::bad_request, fmt::format("1 to {} wanted", longest), "/seconds");
  if (request.metrics.empty()) return Error(Errc::bad_request, "wanted names", "/metrics");
  for (std::size_t i = 0; i < request.metrics.size(); ++i)
    if (!find_metric(request.metrics[i]) && dictionary_.of_metric(request.metrics[i]).empty())
      return Error(Errc::not_found, fmt::format("no metric '{}'", request.metrics[i]),
                   fmt::format("/metrics/{}", i));
  std::size_t more = 0;
  for (auto& node : nodes) more += live_.contains(node.name) ? 0 : 1;
  if (live_.size() + more > most_nodes)
    return Error(Errc::quota, fmt::format("at most {} nodes are live at once", most_nodes));
  LiveView view;
  view.until = clock_.now() + std::chrono::seconds(seconds);
  if (live_.empty()) last_heard_ = clock_.steady();
  for (auto& node : nodes) {
    auto& live = live_[node.name];
    live.metrics.insert(request.metrics.begin(), request.metrics.end());
    live.until = std::max(live.until, clock_.steady() + std::chrono::seconds(seconds));
    configure(node.name, true);
    view.nodes.push_back(ops::NodeName{node.name});
  }
  return view;
}

Result<std::unique_ptr<ops::BodySource>> Metrics::expose(
    const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::optional<std::string> node, family;
  for (auto& [name, value] : parameters) {
    if (name == "node")
      node = value;
    else if (name == "family")
      family = value;
    else
      return Error(Errc::bad_request, "unknown parameter", "/" + name);
  }
  std::vector<std::pair<std::string, LatestPtr>> nodes;
  std::string up = "# HELP muster_node_up 1 while the node is UP\n# TYPE muster_node_up gauge\n";
  auto add = [&](const std::string& name, const LatestPtr& latest) {
    auto row = topology_.find(name);
    if (!row) return;
    auto* keeper = manager_.find(row->id);
    std::string instance;
    add_label(instance, "instance", name);
    fmt::format_to(std::back_inserter(up), "muster_node_up{{{}}} {:d}\n", instance,
                   keeper && keeper->is_up());
    auto interval = intervals_.of(name, row->family.value_or(""), settings_.interval);
    // What is older is of a node that does not answer: Prometheus is to see that it is gone.
    auto oldest = ms(clock_.now()) - std::int64_t{interval.count()} * 2500;
    if (latest->when.at >= oldest) nodes.emplace_back(name, latest);
  };
  std::string own;
  if (node || family) {
    TRY(auto rows, nodes_of(node, family));
    for (auto& row : rows)
      if (auto found = latest_.find(row.name); found != latest_.end()) add(row.name, found->second);
  } else {
    for (auto& [name, latest] : latest_) add(name, latest);
    own = own_health();
  }
  plan_.extend(dictionary_);
  own += up;
  return std::make_unique<Exposition>(plan_, std::move(nodes), std::move(own));
}

std::string Metrics::own_health() const {
  std::int64_t lag = 0;
  auto now = ms(clock_.now());
  for (auto& [name, latest] : latest_) lag = std::max(lag, now - latest->when.at);
  std::string out;
  auto put = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    fmt::format_to(std::back_inserter(out),
                   "# HELP muster_daemon_{} {}\n# TYPE muster_daemon_{} {}\nmuster_daemon_{} {}\n",
                   name, help, name, type, name, value);
  };
  put("nodes_measured", "gauge", "Nodes that sent metrics", latest_.size());
  put("collection_lag_seconds", "gauge", "Age of the oldest newest value of a node",
      static_cast<double>(lag) / 1000);
  put("resident_bytes", "gauge", "Memory of the daemon", resident_bytes());
  put("samples_total", "counter", "Samples stored since the start", usage_.samples);
  put("samples_waiting", "gauge", "Samples that wait to be stored", pending_samples_);
  put("samples_dropped_total", "counter", "Samples left out: too many, or no room", dropped_);
  put("series", "gauge", "Different series of all nodes", dictionary_.size());
  put("store_bytes", "gauge", "The metric store on disk", usage_.bytes);
  put("store_memory_bytes", "gauge", "Open hours in memory", usage_.memory);
  put("store_damaged_total", "counter", "Blocks that could not be read", usage_.damaged);
  if (graphite_.is_on()) {
    put("graphite_waiting_bytes", "gauge", "What waits to be sent to Graphite",
        graphite_.waiting());
    put("graphite_dropped_total", "counter", "Values Graphite did not get", graphite_.dropped());
  }
  put("events_total", "counter", "Events since the start", events_.last_seq());
  return out;
}

}  // namespace muster::metrics
