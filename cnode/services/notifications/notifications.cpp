#include "services/notifications/notifications.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <charconv>

#include "base/clean_text.h"
#include "base/log.h"
#include "base/timeout.h"
#include "base/turn.h"
#include "etf/decode.h"
#include "ops/rows.h"
#include "services/notifications/entry_reader.h"
#include "services/notifications/words.h"

namespace muster::notifications {

using namespace std::chrono_literals;
using ops::Caller;

namespace {

constexpr std::size_t one_batch = 4096;
constexpr std::size_t most_event_text = 1024;
constexpr std::size_t most_words = 16;

std::optional<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

NotificationEvent event_of(const Entry& entry) {
  NotificationEvent view{};
  view.id = entry.id;
  view.at = entry.at;
  if (entry.node_at_us > 0)
    view.node_at = Timestamp(std::chrono::milliseconds(entry.node_at_us / 1000));
  view.severity = entry.severity;
  view.node_id = unless_empty(entry.node_id);
  if (!entry.node.empty()) view.node = ops::NodeName{entry.node};
  view.family = unless_empty(entry.family);
  view.source = entry.source;
  view.kind = entry.kind;
  view.application = unless_empty(entry.application);
  view.pid = unless_empty(entry.pid);
  view.mfa = unless_empty(entry.mfa);
  view.text = entry.text;
  return view;
}

NotificationView view_of(const Entry& entry) {
  return {event_of(entry), std::nullopt};
}

}  // namespace

Notifications::Notifications(asio::any_io_executor executor, Settings settings,
                             store::Database& database, topology::Topology& topology,
                             ops::EventBus& events, const Clock& clock, ConfigureAgent configure,
                             Budget* outsiders)
    : settings_(std::move(settings)),
      topology_(topology),
      events_(events),
      clock_(clock),
      intake_(settings_.limits, outsiders),
      shares_(settings_.retention.bytes),
      levels_(database, topology, settings_.limits.per_second, std::move(configure)),
      has_work_(executor, asio::steady_timer::time_point::max()),
      storing_(executor),
      running_(executor) {}

std::vector<ops::Topic> Notifications::topics() {
  return {ops::topic<NotificationEvent>("notifications.entry",
                                        "A node, or the daemon about it, had something to say")};
}

std::vector<ops::Operation> Notifications::operations() {
  using ops::Role;
  ops::Rows rows("notifications", *this);
  rows.add("list", {"GET", "/api/notifications"}, Role::viewer,
           "What the nodes said, newest first; by node, family, severity, source, time and words",
           &Notifications::list, {.family = "family", .node = "node"});
  rows.add("get", {"GET", "/api/notifications/:id"}, Role::viewer,
           "One notification with the structure that it had on its node", &Notifications::get);
  auto all = rows.take();
  for (auto& row : levels_.operations()) all.push_back(std::move(row));
  return all;
}

Task<> Notifications::start() {
  CO_TRY(archive_, Archive::open(settings_.folder, settings_.retention, clock_));
  CO_TRYV(co_await levels_.start());
  CO_TRY(heard_, events_.subscribe_inside(
                     {"topology.node_state", "topology.node_restarted", "topology.node_removed"}));
  storing_.spawn("storing notifications", run_storing());
  running_.spawn("retention of notifications", run_trimming());
  running_.spawn("notifications of the daemon",
                 ops::hear(
                     "notifications", *heard_, [this](auto& event) { heard(event); },
                     [this] { return make_good(); }));
  running_.spawn("shares of notifications", run_telling_shares());
  co_return Result<>();
}

asio::awaitable<void> Notifications::stop() {
  running_.cancel();
  co_await running_.join();
  is_ending_ = true;
  heard_until_ = clock_.steady() + 1s;
  has_work_.cancel();
  co_await storing_.join();
}

void Notifications::from_agent(const std::string& node, const etf::Term& message) {
  auto origin = origin_of(node);
  if (origin.node_id.empty()) return;
  auto read = read_message(message);
  for (auto& entry : read.entries) {
    entry.node_id = origin.node_id;
    entry.node = origin.node;
    entry.family = origin.family;
    if (shares_.admits(node, entry, clock_.steady()))
      intake_.offer(std::move(entry), clock_.steady());
  }
  if (read.unreadable > 0) read.dropped.emplace_back("unreadable", read.unreadable);
  // That some were dropped becomes an entry, too.
  if (!read.dropped.empty() && shares_.admits(node, origin, clock_.steady()))
    for (auto& [source, count] : read.dropped) intake_.dropped_on_node(origin, source, count);
  tell_shares();
  has_work_.cancel();
}

void Notifications::say(Entry entry) {
  bool is_managed = !entry.node.empty() && topology_.peek(entry.node) != nullptr;
  if (!is_managed || shares_.admits(entry.node, entry, clock_.steady())) take_in(std::move(entry));
}

void Notifications::take_in(Entry entry) {
  auto origin = origin_of(entry.node);
  entry.node_id = origin.node_id;
  entry.family = origin.family;
  intake_.offer(std::move(entry), clock_.steady());
  has_work_.cancel();
}

void Notifications::tell_shares() {
  for (auto& change : shares_.take_changes(clock_.steady())) {
    auto row = topology_.find(change.node);
    if (!row) continue;
    auto mebibytes = shares_.most() >> 20;
    if (share_listener_)
      share_listener_(
          *row, change.is_over,
          ops::json::object{{"bytes_at_once", shares_.most()}, {"bytes_a_day", shares_.most()}});
    if (!change.is_over && change.left_out == 0) continue;
    Entry entry;
    entry.node = row->name;
    entry.severity = Severity::warning;
    entry.source = "muster";
    entry.kind = "dropped";
    entry.text = change.is_over
                     ? fmt::format(
                           "{} has used up its share of the notifications that are kept "
                           "({} MiB at once, and a day); more is dropped",
                           row->name, mebibytes)
                     : fmt::format("{} notifications dropped here: {} had used up its share",
                                   change.left_out, row->name);
    take_in(std::move(entry));
  }
}

asio::awaitable<void> Notifications::run_telling_shares() {
  for (;;) {
    tell_shares();
    co_await pause(5s);
  }
}

/// Node, its id and its family; without an id, where it is not managed.
Entry Notifications::origin_of(const std::string& node) const {
  Entry origin;
  origin.node = node;
  if (node.empty()) return origin;
  if (auto row = topology_.find(node)) {
    origin.node = row->name;
    origin.node_id = row->id;
    origin.family = row->family.value_or("");
  }
  return origin;
}

asio::awaitable<void> Notifications::run_storing() {
  while (!is_ending_ || !intake_.empty()) {
    if (intake_.empty()) {
      // Counts of what was dropped are said a second later at the latest.
      has_work_.expires_after(intake_.has_drops() ? 1s : 24h);
      co_await has_work_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (!intake_.empty() || intake_.has_drops()) co_await store_once();
  }
}

asio::awaitable<void> Notifications::store_once() {
  auto batch = intake_.take(one_batch, clock_.now(), clock_.steady());
  if (batch.empty()) co_return;
  auto stored = co_await archive_->append(batch);
  auto first_left = std::find_if(batch.begin(), batch.end(), [](auto& e) { return e.id == 0; });
  Turn turn;
  for (auto entry = batch.begin(); entry != first_left; ++entry) {
    if (turn.is_over()) co_await next_turn(turn);
    auto event = event_of(*entry);
    event.text = clean_text(event.text, most_event_text, Lines::kept);
    events_.publish("notifications.entry", std::move(event));
  }
  if (listener_ && clock_.steady() < heard_until_)
    co_await listener_(std::span<const Entry>(batch.begin(), first_left));
  if (stored) co_return;
  log::error("notifications wait: {}", stored.error().text());
  batch.erase(batch.begin(), first_left);
  if (is_ending_) {
    log::error("{} notifications are lost", batch.size());
    co_return;
  }
  intake_.put_back(std::move(batch));
  co_await pause(1s);
}

asio::awaitable<void> Notifications::run_trimming() {
  for (;;) {
    if (auto trimmed = co_await archive_->trim(); !trimmed)
      log::warn("retention of notifications: {}", trimmed.error().text());
    co_await pause(60s);
  }
}

/// Events were lost: what is otherwise than last said is said now.
asio::awaitable<void> Notifications::make_good() {
  co_await topology_.each_present([this](auto& event) {
    auto known = states_.find(event.name.text);
    if (known == states_.end() || known->second != event.state) node_changed(event);
  });
  std::vector<std::string> gone;
  for (auto& [name, state] : states_)
    if (!topology_.has(name)) gone.push_back(name);
  Turn turn;
  for (auto& name : gone) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!topology_.has(name)) node_gone(name);
  }
}

void Notifications::heard(const ops::Event& event) {
  if (auto* change = event.as<topology::NodeStateEvent>()) {
    node_changed(*change);
  } else if (auto* restart = event.as<topology::NodeRestartedEvent>()) {
    Entry entry;
    entry.node = restart->name.text;
    entry.severity = Severity::warning;
    entry.source = "muster";
    entry.kind = "node_restarted";
    entry.text = fmt::format("{} was restarted", restart->name.text);
    take_in(std::move(entry));
  } else if (event.topic == "topology.node_removed") {
    if (auto* gone = event.as<topology::NodeListEvent>()) node_gone(gone->name.text);
  }
}

void Notifications::node_gone(const std::string& name) {
  intake_.forget(name);
  shares_.forget(name);
  levels_.node_gone(name);
  states_.erase(name);
}

void Notifications::node_changed(const topology::NodeStateEvent& change) {
  using topology::NodeState;
  auto& name = change.name.text;
  bool is_up = change.state == NodeState::up;
  if (is_up)
    levels_.node_up(name);
  else
    levels_.node_gone(name);
  auto [at, is_new] = states_.try_emplace(name, change.state);
  if (at->second == change.state && !(is_new && is_up)) return;
  bool was_up = !is_new && at->second == NodeState::up;
  at->second = change.state;
  if (!is_up && !was_up) return;
  Entry entry;
  entry.node = name;
  entry.source = "muster";
  if (is_up) {
    entry.severity = Severity::notice;
    entry.kind = "node_up";
    entry.text = name + " is UP";
  } else if (change.state == NodeState::stopped) {
    entry.severity = Severity::notice;
    entry.kind = "node_stopped";
    entry.text = name + " was stopped";
  } else {
    entry.severity = Severity::error;
    entry.kind = "node_down";
    entry.text = name + " is DOWN";
    if (change.reason) entry.text += fmt::format(": {}", mesh::name_of(*change.reason));
    if (change.detail) entry.text += fmt::format(" ({})", *change.detail);
  }
  take_in(std::move(entry));
}

Result<std::string> Notifications::node_name(const std::string& id_or_name) const {
  if (auto row = topology_.find(id_or_name)) return row->name;
  if (id_or_name.find('@') == std::string::npos)
    return Error(Errc::not_found, fmt::format("no node '{}'", id_or_name));
  return id_or_name;
}

Task<ops::Page<NotificationView>> Notifications::list(ListNotifications request, Caller caller) {
  Query query;
  if (request.node) {
    CO_TRY(query.node, node_name(*request.node));
  }
  if (request.family) {
    // Of a family that has no nodes any more there may be entries still, under its name.
    auto rows = topology_.of_family(*request.family);
    query.family = rows ? rows->front().family.value_or(*request.family) : *request.family;
  }
  query.source = request.source;
  query.kind = request.kind;
  query.application = request.application;
  query.severity = request.severity;
  query.since = request.since;
  query.until = request.until;
  if (request.words) {
    query.words = words_of(*request.words);
    if (query.words.empty() || query.words.size() > most_words)
      co_return Error(Errc::bad_request,
                      fmt::format("1 to {} words of letters and digits wanted", most_words),
                      "/words");
  }
  if (request.after) {
    auto& text = *request.after;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), query.before);
    if (ec != std::errc() || end != text.data() + text.size())
      co_return Error(Errc::bad_request, "`next` of another page wanted", "/after");
  }
  query.limit = request.count() + 1;
  auto most = request.count();
  auto held = co_await reading_.take(caller.name);
  CO_TRY(auto found, co_await archive_->search(std::move(query)));
  ops::Page<NotificationView> page;
  if (found.size() > most) {
    found.resize(most);
    if (!found.empty()) page.next = std::to_string(found.back().id);
  }
  for (auto& entry : found) page.items.push_back(view_of(entry));
  co_return page;
}

Task<NotificationView> Notifications::get(NotificationById request, Caller caller) {
  auto held = co_await reading_.take(caller.name);
  CO_TRY(auto entry, co_await archive_->get(request.id));
  auto view = view_of(entry);
  if (!entry.report.empty()) {
    CO_TRY(view.report, etf::decode_external(entry.report));
  }
  co_return view;
}

}  // namespace muster::notifications
