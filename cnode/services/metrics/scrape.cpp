// GET /metrics: what every node sent last, and how the daemon itself is.
#include <fmt/format.h>

#include "services/metrics/conversions.h"
#include "services/metrics/metrics.h"

namespace muster::metrics {
Result<std::unique_ptr<ops::BodySource>> Metrics::expose(
    const std::vector<std::pair<std::string, std::string>>& parameters) {
  TRYV(scrapes_.admit());
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
    auto row = topology_.peek(name);
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
    own = own_health().exposition();
  }
  plan_.extend(dictionary_);
  own += up;
  return scrapes_.begin(std::make_unique<Exposition>(plan_, std::move(nodes), std::move(own)));
}

Result<HealthList> Metrics::show_health(ops::Empty, const ops::Caller&) {
  return HealthList{own_health().families()};
}

/// Of nodes that are UP: those whose newest values are older than they should be, or that have sent
/// nothing yet.
HealthSheet Metrics::own_health() const {
  HealthSheet sheet;
  put_process(sheet);
  std::int64_t lag = 0, late = 0, now = ms(clock_.now());
  for (auto& [name, deadline] : ask_at_.entries()) {
    auto found = latest_.find(name);
    auto row = topology_.peek(name);
    if (!row) continue;
    auto interval = intervals_.of(name, row->family.value_or(""), settings_.interval);
    auto age = found == latest_.end() ? -1 : now - found->second->when.at;
    lag = std::max(lag, age);
    if (age < 0 || age > std::int64_t{interval.count()} * 2500) ++late;
  }
  sheet.gauge("muster_daemon_nodes_measured", "Nodes that sent metrics", latest_.size());
  sheet.gauge("muster_daemon_nodes_late",
              "Nodes that are UP without values of the last 2.5 intervals", late);
  sheet.gauge("muster_daemon_collection_lag_seconds",
              "Age of the newest values of the node that is UP and was heard longest ago",
              static_cast<double>(lag) / 1000);
  sheet.counter("muster_daemon_samples_total", "Samples stored since the start", usage_.samples);
  sheet.gauge("muster_daemon_samples_waiting", "Samples that wait to be stored", pending_samples_);
  sheet.counter("muster_daemon_samples_dropped_total", "Samples left out: too many, or no room",
                dropped_ + usage_.dropped);
  sheet.gauge("muster_daemon_series", "Different series of all nodes", dictionary_.size());
  sheet.gauge("muster_daemon_store_bytes", "Size on disk", usage_.bytes, {{"store", "metrics"}});
  sheet.gauge("muster_daemon_store_memory_bytes", "Open hours of metrics in memory", usage_.memory);
  sheet.counter("muster_daemon_store_damaged_total", "Blocks of metrics that could not be read",
                usage_.damaged);
  sheet.histogram("muster_daemon_store_append_seconds", "What storing the values of a second took",
                  append_took_);
  sheet.counter("muster_daemon_store_failures_total", "Times values could not be stored",
                failed_appends_);
  sheet.counter("muster_daemon_scrapes_total", "Answers to GET /metrics", scrapes_.answered(),
                {{"result", "ok"}});
  sheet.counter("muster_daemon_scrapes_total", "", scrapes_.refused(), {{"result", "refused"}});
  sheet.gauge("muster_daemon_scrapes_under_way", "Scrapes that are being answered",
              scrapes_.under_way());
  if (graphite_.is_on()) {
    sheet.gauge("muster_daemon_graphite_waiting_bytes", "What waits to be sent to Graphite",
                graphite_.waiting());
    sheet.counter("muster_daemon_graphite_dropped_total", "Values Graphite did not get",
                  graphite_.dropped());
  }
  for (auto& source : health_sources_) source(sheet);
  return sheet;
}

}  // namespace muster::metrics
