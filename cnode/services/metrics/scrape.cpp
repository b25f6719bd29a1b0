// GET /metrics: what every node sent last, and how the daemon itself is.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "services/metrics/conversions.h"
#include "services/metrics/metrics.h"

namespace muster::metrics {
namespace {

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

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
