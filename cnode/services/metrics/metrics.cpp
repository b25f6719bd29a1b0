#include "services/metrics/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/log.h"
#include "base/timeout.h"
#include "base/turn.h"
#include "ops/rows.h"
#include "services/metrics/conversions.h"

namespace muster::metrics {

using namespace std::chrono_literals;
using ops::Caller;

namespace {

constexpr std::size_t most_pending = 4'000'000;  ///< samples that wait to be stored
constexpr etf::Limits most_stock{64, 100'000};   ///< of stock calls: they list names and ports

}  // namespace

Metrics::Metrics(asio::any_io_executor executor, Settings settings, store::Database& database,
                 topology::Topology& topology, mesh::NodeManager& manager, ops::EventBus& events,
                 const Clock& clock, ConfigureAgent configure)
    : settings_(std::move(settings)),
      rows_(database),
      topology_(topology),
      manager_(manager),
      events_(events),
      clock_(clock),
      configure_(std::move(configure)),
      reader_(dictionary_),
      graphite_(executor, settings_.graphite),
      storing_(executor),
      running_(executor) {}

std::vector<ops::Topic> Metrics::topics() {
  return {ops::topic<LatestView>(
      "metrics.sample", "Live values of a node, for whoever asked for them by metrics.live")};
}

std::vector<ops::Operation> Metrics::operations() {
  using ops::Role;
  ops::Rows rows("metrics", *this);
  const ops::Subject whose{.family = "family", .node = "node"};
  rows.add("catalogue", {"GET", "/api/metrics/catalogue"}, Role::viewer,
           "Every metric that Muster knows of, with its unit, kind and other names",
           &Metrics::show_catalogue, {.is_nobodys = true});
  rows.add("list", {"GET", "/api/metrics"}, Role::viewer,
           "Which metrics a node has, or the nodes of a family", &Metrics::list, whose);
  rows.add("latest", {"GET", "/api/metrics/latest"}, Role::viewer,
           "The newest values of a node, or of the nodes of a family", &Metrics::latest, whose);
  rows.add("query", {"GET", "/api/metrics/query"}, Role::viewer,
           "Values over time: of a node, of each node of a family, or all of them combined",
           &Metrics::query, whose);
  rows.add("settings", {"GET", "/api/metrics/settings"}, Role::viewer,
           "What is kept how long, how often nodes are asked, and what it takes",
           &Metrics::show_settings);
  rows.add("set_interval", {"PUT", "/api/metrics/settings"}, Role::operator_,
           "How often a node, or the nodes of a family, are asked", &Metrics::set_interval);
  ops::Row live_row{
      "metrics",
      "live",
      {"POST", "/api/metrics/live"},
      Role::viewer,
      "Chosen metrics once a second, as events metrics.sample, while somebody listens"};
  live_row.is_query = true;
  rows.add(std::move(live_row), &Metrics::live);
  rows.add("daemon", {"GET", "/api/metrics/daemon"}, Role::viewer,
           "What the daemon says of itself, as on /metrics: load, queues, drops, calls",
           &Metrics::show_health);
  return rows.take();
}

Task<> Metrics::start() {
  CO_TRY(archive_, Archive::open(settings_.folder, settings_.store, dictionary_, clock_));
  plan_.extend(dictionary_);
  CO_TRY(intervals_, co_await rows_.all());
  CO_TRY(heard_, events_.subscribe_inside({"topology.node_state", "topology.node_removed"}));
  storing_.spawn("storing metrics", run_storing());
  graphite_.start();
  running_.spawn("metrics of nodes", ops::hear(
                                         "metrics", *heard_, [this](auto& event) { heard(event); },
                                         [this] { return make_good(); }));
  co_return Result<>();
}

asio::awaitable<void> Metrics::stop() {
  is_ending_ = true;
  running_.cancel();
  co_await running_.join();
  co_await graphite_.stop();
  co_await storing_.join();
}

void Metrics::from_agent(const std::string& node, const etf::Term& message) {
  auto row = topology_.peek(node);
  if (!row) return;
  auto interval = intervals_.of(row->name, row->family.value_or(""), settings_.interval);
  if (ask_at_.contains(row->name)) ask_at_.set(row->name, clock_.steady() + 2 * interval + 10s);
  auto& quota = quotas_.of(row->name);
  if (!quota.admits(clock_.steady())) return void(++dropped_);
  auto reading = reader_.read(message, number_of(*row));
  if (is_live(reading.interval_ms, interval)) return say_live(row->name, std::move(reading));
  accounts_.heard(row->name, "metrics", message, clock_.steady());
  take(*row, quota, std::move(reading));
  if (on_round_) on_round_(row->name, message);
}

void Metrics::from_other_agent(const std::string& node, const std::string& agent,
                               const etf::Term& message) {
  if (auto row = topology_.peek(node)) accounts_.heard(row->name, agent, message, clock_.steady());
}

NodeId Metrics::number_of(const topology::NodeRow& row) {
  auto id = dictionary_.node(row.name);
  if (id != 0 && row.origin == topology::Origin::deployed && row.family_id)
    dictionary_.belongs(id, *row.family_id);
  dictionary_.begin(day_of(clock_.now()));
  return id;
}

void Metrics::take(const topology::NodeRow& row, Quotas::Node& quota, Reading reading) {
  accounts_.add_to(row.name, reading, clock_.steady());
  dropped_ += reading.left_out;
  quotas_.note(quota, row, reading, dictionary_, clock_.steady());
  auto day = day_of(clock_.now());
  auto id = reading.node;
  std::erase_if(reading.samples,
                [&](auto& sample) { return !dictionary_.note_seen(sample.series, day, id); });
  if (reading.samples.empty()) return;
  if (id == 0 || pending_samples_ + reading.samples.size() > most_pending) {
    dropped_ += reading.samples.size();
    return;
  }
  store::Round round{id, {ms(clock_.now()), reading.node_at}, std::move(reading.samples)};
  std::stable_sort(round.samples.begin(), round.samples.end(),
                   [](auto& a, auto& b) { return a.series < b.series; });
  latest_[row.name] = std::make_shared<const Latest>(Latest{round.when, round.samples});
  if (graphite_.is_on()) graphite_.offer(row.family.value_or("none"), row.name, round, dictionary_);
  pending_samples_ += round.samples.size();
  pending_.push_back(std::move(round));
}

/// Thousands may be due at once: after a start, or when their agents have gone.
asio::awaitable<void> Metrics::ask_silent() {
  Turn turn;
  auto now = clock_.steady();
  questions_.keep_only([&](auto& name) { return ask_at_.contains(name); });
  for (auto& name : ask_at_.take_due(now)) {
    auto row = topology_.peek(name);
    if (!row) continue;
    ask_at_.set(name, now + intervals_.of(name, row->family.value_or(""), settings_.interval));
    questions_.begin(running_, name, [&] { return ask(*row); });
    if (turn.is_over()) co_await next_turn(turn);
    if (is_ending_) co_return;
  }
}

asio::awaitable<bool> Metrics::ask(topology::NodeRow row) {
  auto link = manager_.link(row.id);
  if (!link) co_return false;
  auto arguments = stock_.calls().arguments();
  auto answer = co_await (*link)->apply(mesh::StockCalls::module, mesh::StockCalls::function,
                                        std::move(arguments), 10s, most_stock);
  if (!answer) co_return answer.error().code == Errc::timeout;
  if (!answer->is_ok()) co_return false;
  auto sample = stock_.sample(answer->value);
  auto reading = reader_.read(sample, number_of(row));
  reading.node_at = ms(clock_.now());
  take(row, quotas_.of(row.name), std::move(reading));
  if (on_round_) on_round_(row.name, sample);
  co_return false;
}

asio::awaitable<void> Metrics::run_storing() {
  auto trimmed = std::chrono::steady_clock::time_point{};
  while (!is_ending_) {
    co_await store_pending();
    bool trims = clock_.steady() - trimmed >= 60s;
    if (trims && trimmed != std::chrono::steady_clock::time_point{})
      are_nodes_removed_ = true;  // perhaps, just before the daemon ended
    if (trims) trimmed = clock_.steady();
    if (auto usage = co_await archive_->look_after(trims))
      usage_ = *usage;
    else
      log::error("metrics: {}", usage.error().text());
    if (trims) co_await free_series();
    co_await drop_series_of_removed();
    end_live();
    if (!is_ending_) co_await ask_silent();
    for (int i = 0; i < 10 && !is_ending_; ++i) co_await pause(100ms);
  }
  co_await store_pending();
}

asio::awaitable<void> Metrics::store_pending() {
  if (pending_.empty()) co_return;
  store::Batch batch;
  batch.rounds = std::exchange(pending_, {});
  pending_samples_ = 0;
  dictionary_.add_unsaved(batch);
  auto began = clock_.steady();
  auto stored = co_await archive_->append(std::move(batch));
  append_took_.add(clock_.steady() - began);
  if (!stored) ++failed_appends_;
  if (stored) dictionary_.saved(*stored);
  if (!stored && !is_failing_) log::error("metrics are in memory only: {}", stored.error().text());
  is_failing_ = !stored;
}

/// Peers and libraries that nobody has seen for as long as anything is kept.
asio::awaitable<void> Metrics::free_series() {
  if (dictionary_.is_full() && !is_full_)
    log::error("metrics: {} different series are all there can be: new ones are left out",
               dictionary_.size());
  is_full_ = dictionary_.is_full();
  auto stale = co_await archive_->stale_series();
  if (!stale) {
    log::warn("metrics: {}", stale.error().text());
    co_return;
  }
  co_await remove(dictionary_.drop(*stale));
}

/// Their share of the dictionary is free again.
asio::awaitable<void> Metrics::drop_series_of_removed() {
  if (!std::exchange(are_nodes_removed_, false)) co_return;
  for (auto node : dictionary_.makers())
    if (!topology_.has(dictionary_.node_name(node))) co_await remove(dictionary_.drop_of(node));
}

asio::awaitable<void> Metrics::remove(std::vector<SeriesId> gone) {
  if (gone.empty()) co_return;
  std::sort(gone.begin(), gone.end());
  reader_.forget_series();
  plan_.remove(gone);
  // What is not removed now is there again after a restart, and goes then.
  if (auto removed = co_await archive_->remove_series(std::move(gone)); !removed)
    log::warn("metrics: {}", removed.error().text());
}

/// Events were lost: what is otherwise than last heard is as if it were said now.
asio::awaitable<void> Metrics::make_good() {
  std::unordered_set<std::string> is_up, before, gone;
  manager_.each([&](auto& keeper) {
    if (keeper.is_up()) is_up.insert(keeper.spec().name);
  });
  for (auto& [name, deadline] : ask_at_.entries()) before.insert(name);
  for (auto& [name, latest] : latest_)
    if (!topology_.has(name)) gone.insert(name);
  for (auto& [name, live] : lives_.all())
    if (!topology_.has(name)) gone.insert(name);
  Turn turn;
  for (auto& name : before) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!is_up.contains(name)) node_changed(name, false);
    if (!topology_.has(name)) node_gone(name);
  }
  for (auto& name : is_up) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!before.contains(name) && topology_.has(name)) node_changed(name, true);
  }
  for (auto& name : gone) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!topology_.has(name)) node_gone(name);
  }
  are_nodes_removed_ = true;  // perhaps
}

void Metrics::heard(const ops::Event& event) {
  if (auto* change = event.as<topology::NodeStateEvent>()) {
    node_changed(change->name.text, change->state == topology::NodeState::up);
  } else if (event.topic == "topology.node_removed") {
    if (auto* gone = event.as<topology::NodeListEvent>()) node_gone(gone->name.text);
  }
}

void Metrics::node_changed(const std::string& node, bool is_up) {
  ask_at_.erase(node);
  if (!is_up) return accounts_.node_down(node);
  // An agent speaks at once, if there is one.
  ask_at_.set(node, clock_.steady() + 10s);
  configure(node, false);
}

void Metrics::node_gone(const std::string& node) {
  latest_.erase(node);
  lives_.forget(node);
  ask_at_.erase(node);
  accounts_.forget(node);
  quotas_.forget(node);
  are_nodes_removed_ = true;
}

}  // namespace muster::metrics
