// How often nodes are asked, and who is asked more often while somebody listens.
#include <fmt/format.h>

#include "services/metrics/conversions.h"
#include "services/metrics/metrics.h"

namespace muster::metrics {

using namespace std::chrono_literals;
using ops::Caller;

namespace {

constexpr std::uint32_t longest = 3600;
constexpr auto unheard_after = 15s;

}  // namespace

Result<SettingsView> Metrics::show_settings(ops::Empty, const Caller&) {
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
  view.dropped = dropped_ + usage_.dropped;
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
  co_return show_settings({}, caller);
}

Result<LiveView> Metrics::live(AskLive request, const Caller& caller) {
  TRY(auto nodes, nodes_of(request.node, request.family));
  auto seconds = request.seconds.value_or(60);
  if (seconds == 0 || seconds > longest)
    return Error(Errc::bad_request, fmt::format("1 to {} wanted", longest), "/seconds");
  if (request.metrics.empty()) return Error(Errc::bad_request, "wanted names", "/metrics");
  for (std::size_t i = 0; i < request.metrics.size(); ++i) {
    auto& name = request.metrics[i];
    auto* metric = find_metric(name);
    if (!metric && dictionary_.of_metric(name).empty())
      return Error(Errc::not_found, fmt::format("no metric '{}'", name),
                   fmt::format("/metrics/{}", i));
    if (metric && !metric->source.empty())
      return Error(Errc::bad_request,
                   fmt::format("'{}' is what agents count, and not read on demand", name),
                   fmt::format("/metrics/{}", i));
  }
  std::vector<std::string> names;
  for (auto& node : nodes) names.push_back(node.name);
  const bool is_first = lives_.all().empty();
  const auto until = clock_.steady() + std::chrono::seconds(seconds);
  TRYV(lives_.ask(caller.name, names, request.metrics, until));
  if (is_first) last_heard_ = clock_.steady();
  LiveView view;
  view.until = clock_.now() + std::chrono::seconds(seconds);
  for (auto& name : names) {
    configure(name, true);
    view.nodes.push_back(ops::NodeName{name});
  }
  return view;
}

void Metrics::say_live(const std::string& node, Reading reading) {
  auto* live = lives_.find(node);
  if (!live) return;  // it came after the last listener had gone
  auto& wanted = live->metrics;
  LatestView view;
  view.node = {node};
  view.at = clock_.now();
  view.node_at = time_of(reading.node_at);
  for (auto& sample : reading.samples) {
    auto& series = dictionary_.series_of(sample.series);
    if (!wanted.contains(series.name)) continue;
    view.values.push_back(
        {series.name, parse_labels(series.labels), unless_empty(series.part), sample.number()});
  }
  if (!view.values.empty()) events_.publish("metrics.sample", std::move(view));
}

void Metrics::configure(const std::string& node, bool is_changed) {
  auto row = topology_.peek(node);
  if (!row) return;
  auto interval = intervals_.of(row->name, row->family.value_or(""), settings_.interval);
  auto* live = lives_.find(row->name);
  if (!is_changed && interval == settings_.interval && !live) return;
  etf::Map settings;
  auto set = [&](std::string_view key, etf::Term value) {
    settings.pairs.emplace_back(etf::atom(key), std::move(value));
  };
  set("interval_ms", std::int64_t{interval.count()} * 1000);
  std::set<std::string> keys;
  if (live)
    for (auto& name : live->metrics)
      keys.insert(find_metric(name) ? SampleReader::key_of(*find_metric(name)) : "user");
  etf::List list;
  for (auto& key : keys) list.elements.push_back(etf::atom(key));
  set("live", std::move(list));
  if (live) {
    auto left = live->end() - clock_.steady();
    set("live_ms", std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    set("live_interval_ms", std::int64_t{1000});
  }
  configure_(row->name, std::move(settings));
}

/// Whoever does not listen any more need not say so.
void Metrics::end_live() {
  auto now = clock_.steady();
  if (lives_.all().empty() || events_.is_heard("metrics.sample")) last_heard_ = now;
  const bool is_unheard = now - last_heard_ > unheard_after;
  for (auto& node : lives_.end(is_unheard ? Lives::Time::max() : now)) configure(node, true);
}

}  // namespace muster::metrics
