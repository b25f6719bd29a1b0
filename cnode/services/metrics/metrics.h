#pragma once

#include <functional>
#include <memory>
#include <set>
#include <unordered_map>

#include "base/deadlines.h"
#include "base/slots.h"
#include "base/task_group.h"
#include "mesh/manager.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/metrics/accounts.h"
#include "services/metrics/archive.h"
#include "services/metrics/exposition.h"
#include "services/metrics/graphite.h"
#include "services/metrics/health.h"
#include "services/metrics/intervals.h"
#include "services/metrics/lives.h"
#include "services/metrics/questions.h"
#include "services/metrics/quotas.h"
#include "services/metrics/sample_reader.h"
#include "services/metrics/scrapes.h"
#include "services/metrics/stock_reader.h"
#include "services/metrics/types.h"
#include "services/topology/topology.h"

namespace muster::metrics {

/// Where the settings of the agent `metrics` of a node go.
using ConfigureAgent = std::function<void(const std::string& node, etf::Map settings)>;

/// The service `metrics`: takes what the agents measured, keeps it (Archive), answers what was and
/// what is, and has the newest values of every node for Prometheus. What came is stored once a
/// second. Live values (once a second, of chosen metrics) are not stored: they are the event
/// metrics.sample, for as long as somebody listens to it. Made by app; lives on the loop. When the
/// disk is full, values stay in memory and are answered, and what the journal has no room for would
/// be missing after a restart.
class Metrics {
 public:
  struct Settings {
    std::filesystem::path folder;
    store::MetricStore::Settings store;
    std::chrono::seconds interval{60};
    GraphiteSettings graphite;
  };
  Metrics(asio::any_io_executor executor, Settings settings, store::Database& database,
          topology::Topology& topology, mesh::NodeManager& manager, ops::EventBus& events,
          const Clock& clock, ConfigureAgent configure);

  std::vector<ops::Operation> operations();
  static std::vector<ops::Topic> topics();

  /// Opens the archive. Before nodes come up. Errors: those of the folder.
  Task<> start();
  /// Stores what waits, then ends.
  asio::awaitable<void> stop();

  /// What the agent `metrics` of a node sent: anything.
  void from_agent(const std::string& node, const etf::Term& message);
  /// Called with each round of a node: what its agent sent, or what a node without one answered, as
  /// an agent would have sent it. Not with live values: whether somebody looks changes nothing.
  void on_round(std::function<void(const std::string& node, const etf::Term& sample)> then) {
    on_round_ = std::move(then);
  }
  /// What another agent sent: what it says of itself, and what it counted, are metrics of the node.
  void from_other_agent(const std::string& node, const std::string& agent,
                        const etf::Term& message);
  /// Told when a node brings more series than it may, and when it does no longer.
  void on_over_quota(Quotas::Listener then) { quotas_.on_change(std::move(then)); }
  /// Another part of the daemon that says how it is, with every scrape of all.
  void add_health(HealthSource source) { health_sources_.push_back(std::move(source)); }
  /// For GET /metrics. Errors: not_found, bad_request; unavailable where as many as may be are
  /// under way.
  Result<std::unique_ptr<ops::BodySource>> expose(
      const std::vector<std::pair<std::string, std::string>>& parameters);

 private:
  using Nodes = std::vector<topology::NodeRow>;

  Result<CatalogueView> show_catalogue(ops::Empty request, const ops::Caller& caller);
  Task<SeriesList> list(Whose request, ops::Caller caller);
  Task<LatestList> latest(AskLatest request, ops::Caller caller);
  Task<LineList> query(QueryMetrics request, ops::Caller caller);
  Result<SettingsView> show_settings(ops::Empty request, const ops::Caller& caller);
  Task<SettingsView> set_interval(SetInterval request, ops::Caller caller);
  Result<LiveView> live(AskLive request, const ops::Caller& caller);

  Result<Nodes> nodes_of(const std::optional<std::string>& node,
                         const std::optional<std::string>& family) const;
  Result<std::vector<SeriesId>> series_named(const std::vector<std::string>& names) const;
  SeriesView series_view(SeriesId id) const;
  LatestView latest_view(const std::string& node, const Latest& latest,
                         const std::vector<SeriesId>& wanted) const;
  Result<HealthList> show_health(ops::Empty request, const ops::Caller& caller);
  HealthSheet own_health() const;

  asio::awaitable<void> run_storing();
  asio::awaitable<void> store_pending();
  asio::awaitable<void> free_series();
  asio::awaitable<void> drop_series_of_removed();
  asio::awaitable<void> remove(std::vector<SeriesId> gone);
  void heard(const ops::Event& event);
  void node_changed(const std::string& node, bool is_up);
  void node_gone(const std::string& node);
  asio::awaitable<void> make_good();
  void configure(const std::string& node, bool is_changed);
  void end_live();
  /// In the dictionary, which learns whose the node is.
  NodeId number_of(const topology::NodeRow& row);
  /// Takes what a node sent, or what was asked of it.
  void take(const topology::NodeRow& row, Quotas::Node& quota, Reading reading);
  /// Nodes that are UP and whose agent says nothing.
  asio::awaitable<void> ask_silent();
  /// Says whether the node was mute.
  asio::awaitable<bool> ask(topology::NodeRow row);
  void say_live(const std::string& node, Reading reading);

  Settings settings_;
  IntervalRows rows_;
  topology::Topology& topology_;
  mesh::NodeManager& manager_;
  ops::EventBus& events_;
  const Clock& clock_;
  ConfigureAgent configure_;
  Dictionary dictionary_;
  ExpositionPlan plan_;
  SampleReader reader_;
  Accounts accounts_{reader_};
  Quotas quotas_;
  StockReader stock_;
  std::function<void(const std::string&, const etf::Term&)> on_round_;
  Graphite graphite_;
  std::unique_ptr<Archive> archive_;
  Slots reading_{1};  ///< whose question the archive looks at, beside storing
  Slots looking_{1};  ///< whose question the newest values are put together for
  Intervals intervals_;
  std::vector<store::Round> pending_;
  std::size_t pending_samples_ = 0;
  std::unordered_map<std::string, LatestPtr> latest_;  ///< by node
  /// Nodes that are UP, by name: when to ask them unless an agent speaks before.
  Deadlines ask_at_;
  Questions questions_{{std::chrono::milliseconds(100), 64, 32}};
  Lives lives_;
  std::chrono::steady_clock::time_point last_heard_{};
  store::MetricUsage usage_;
  std::uint64_t dropped_ = 0;
  bool is_failing_ = false, is_full_ = false, is_ending_ = false;
  bool are_nodes_removed_ = false;  ///< and their series are still there
  std::unique_ptr<ops::Subscription> heard_;
  std::vector<HealthSource> health_sources_;
  Histogram append_took_;
  std::uint64_t failed_appends_ = 0;
  Scrapes scrapes_;
  TaskGroup storing_, running_;
};

}  // namespace muster::metrics
