#include "services/orchestration/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/all.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "base/turn.h"
#include "services/orchestration/events.h"
#include "services/orchestration/placement.h"
#include "services/orchestration/steps.h"

namespace muster::orchestration {
namespace {

/// Rows that are changed at the same time, so that the database writes them together.
constexpr std::size_t most_changed_at_once = 200;

/// A part of the quota, until its nodes are in the fleet.
struct Reserved {
  using Counts = std::map<std::string, std::size_t>;  ///< by family
  Reserved(Counts& counts, std::string family, std::size_t count)
      : counts_(counts), family_(std::move(family)), count_(count) {
    counts_[family_] += count_;
  }
  Reserved(const Reserved&) = delete;
  Reserved& operator=(const Reserved&) = delete;
  ~Reserved() {
    auto at = counts_.find(family_);
    if ((at->second -= count_) == 0) counts_.erase(at);
  }

  void use_one() {
    --counts_[family_];
    --count_;
  }

 private:
  Counts& counts_;
  std::string family_;
  std::size_t count_;
};

/// It cannot have worked without a word from the host; an archive may be there already.
bool proves_host(Step step) {
  return step == Step::unpack || step == Step::start || step == Step::stop || step == Step::remove;
}

}  // namespace

using topology::NodeState;

Engine::Engine(asio::any_io_executor executor, asio::thread_pool& pool, DeploymentRows& rows,
               Catalogue& catalogue, FindHost find_host, NodeManager& manager, ops::EventBus& bus,
               const Clock& clock, DeploySettings settings)
    : executor_(executor),
      rows_(rows),
      catalogue_(catalogue),
      manager_(manager),
      bus_(bus),
      clock_(clock),
      archives_(rows, fleet_, catalogue, find_host, bus, clock),
      runner_(pool, catalogue, find_host, manager, archives_, fleet_, clock, settings),
      places_(settings.places),
      tasks_(executor) {
  catalogue_.set_uses(uses());
}

Task<> Engine::start() {
  CO_TRY(auto rows, co_await rows_.nodes());
  for (auto& row : rows) fleet_.add(std::move(row));
  CO_TRY(auto unused, co_await archives_.start());
  for (auto& release : unused)
    tasks_.spawn("remove a release archive", remove_archive(std::move(release)));
  for (auto& [id, node] : fleet_.all()) go_on(node);
  co_return Result<>();
}

asio::awaitable<void> Engine::stop() {
  is_stopping_ = true;
  tasks_.cancel();
  co_await tasks_.join();
}

Catalogue::Uses Engine::uses() const {
  auto nodes = [](std::size_t count) {
    return count == 0 ? "" : fmt::format("{} deployed node{}", count, count == 1 ? "" : "s");
  };
  auto counted = [this, nodes](auto member) {
    return [this, nodes, member](const std::string& key) -> std::string {
      return nodes(fleet_.count([&](const Deployment& row) { return row.*member == key; }));
    };
  };
  Catalogue::Uses uses;
  uses.machines = [this, nodes](const std::string& provider_id) {
    std::map<HostKey, std::size_t> counts;
    for (auto& host : archives_.hosts_of(provider_id)) counts[host] = 0;
    for (auto& [id, node] : fleet_.all())
      if (node->row.provider_id == provider_id) ++counts[host_of(node->row)];
    std::vector<Catalogue::Uses::Machine> machines;
    for (auto& [host, count] : counts)
      machines.push_back(
          {host.machine, host.user, count == 0 ? "a release archive" : nodes(count)});
    return machines;
  };
  uses.provider = counted(&Deployment::provider_id);
  uses.family = counted(&Deployment::family_id);
  uses.domain = counted(&Deployment::domain_id);
  uses.archive = counted(&Deployment::sha256);
  uses.node_count = [this](const std::string& id) { return fleet_.count_of_family(id); };
  return uses;
}

NodeState Engine::state_of(const Deployment& row) const {
  if (row.status == StepStatus::failed) return NodeState::error;
  if (row.reached < Reached::unpacked) return NodeState::uninit;
  if (row.reached < Reached::handed_over) return NodeState::stopped;
  auto health = manager_.health(row.id);
  return health && health->is_up ? NodeState::up : NodeState::down;
}

Task<std::vector<Place>> Engine::places(const DeployOrder& order) {
  std::string provider_id;
  if (!order.provider.empty()) {
    auto* provider = catalogue_.peek_provider(order.provider);
    if (!provider)
      co_return Error(Errc::not_found, fmt::format("no provider '{}'", order.provider),
                      "/provider");
    provider_id = provider->id;
  }
  std::vector<Place> places;
  Turn turn;
  for (auto& domain : order.family.domains) {
    if (turn.is_over()) co_await next_turn(turn);
    if (!provider_id.empty() && domain.provider_id != provider_id) continue;
    CO_TRY(auto* driver, catalogue_.driver(domain.provider_id));
    auto& loads = fleet_.loads();
    for (auto& machine : driver->machines()) {
      auto load = loads.find(domain.provider_id + '/' + machine.id);
      places.push_back({domain.provider_id, domain.id, machine.id, machine.node_host,
                        domain.ssh_user, load == loads.end() ? 0 : load->second});
    }
  }
  if (places.empty())
    co_return Error(
        Errc::conflict,
        provider_id.empty()
            ? fmt::format("node family '{}' has no deployment domain", order.family.name)
            : fmt::format("node family '{}' has no deployment domain of provider '{}'",
                          order.family.name, order.provider));
  co_return places;
}

Result<> Engine::check_room(const DeployOrder& order) const {
  auto there = fleet_.all().size();
  for (auto& [family, count] : being_deployed_) there += count;
  const auto room = most_nodes - std::min(there, most_nodes);
  constexpr auto remedy =
      "deploy fewer, or first delete those that nobody needs (delete_node, delete_family_nodes)";
  if (order.amount > room)
    return Error(Errc::quota, fmt::format("there are {} deployed nodes, at most {}: {}", there,
                                          most_nodes, remedy));
  if (order.bound_to.empty()) return {};
  std::size_t theirs = 0;
  for (auto& family : order.bound_to) {
    auto more = being_deployed_.find(family);
    theirs += fleet_.count_of_family(family) + (more == being_deployed_.end() ? 0 : more->second);
  }
  const auto share = (room - std::min(theirs, room)) / 2;
  if (order.amount > share)
    return Error(Errc::quota,
                 fmt::format("your families have {} deployed nodes, and of the {} that all may "
                             "have {} are left, half of them for others: you may deploy {} more; "
                             "{}",
                             theirs, most_nodes, room, share, remedy));
  return {};
}

Task<std::vector<FleetNodePtr>> Engine::deploy(DeployOrder order) {
  auto& family = order.family;
  if (family.release_id.empty())
    co_return Error(Errc::conflict, fmt::format("node family '{}' has no release", family.name));
  CO_TRY(auto release, catalogue_.release(family.release_id));
  CO_TRYV(catalogue_.archive(release));
  CO_TRYV(check_room(order));
  Reserved reserved(being_deployed_, family.id, order.amount);
  CO_TRY(auto places, co_await this->places(order));
  std::vector<Deployment> rows;
  rows.reserve(order.amount);
  Turn turn;
  for (auto index : place(order.amount, places)) {
    if (turn.is_over()) co_await next_turn(turn);
    auto& at = places[index];
    Deployment row;
    row.id = random_uuid();
    row.name = row.id + '@' + at.node_host;
    row.family_id = family.id;
    row.release_id = release.id;
    row.provider_id = at.provider_id;
    row.domain_id = at.domain_id;
    row.sha256 = release.sha256;
    row.size = release.size;
    row.strip_components = release.strip_components;
    row.machine = at.machine;
    row.node_host = at.node_host;
    row.user = at.user;
    row.cookie = release.cookie.value_or(family.cookie);
    row.goal = order.is_started ? Goal::running : Goal::stopped;
    row.created_at = row.changed_at = clock_.now();
    rows.push_back(std::move(row));
  }
  // Others had their turn: its archive may be gone.
  auto* release_now = catalogue_.peek_release(release.id);
  if (!release_now || release_now->sha256 != release.sha256)
    co_return Error(Errc::conflict,
                    fmt::format("release {} was changed meanwhile: deploy again", release.name));
  CO_TRYV(co_await rows_.insert(rows));
  // The rows are written: a caller that goes away does not keep them out of the fleet.
  const bool is_thrown = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  std::vector<FleetNodePtr> nodes;
  nodes.reserve(rows.size());
  turn = Turn();
  for (auto& row : rows) {
    if (turn.is_over()) co_await next_turn(turn);
    auto node = fleet_.add(std::move(row));
    reserved.use_one();
    bus_.publish(
        "topology.node_state",
        topology::NodeStateEvent{node->row.id, {node->row.name}, NodeState::uninit, {}, {}});
    go_on(node);
    nodes.push_back(std::move(node));
  }
  co_await asio::this_coro::throw_if_cancelled(is_thrown);
  co_return nodes;
}

Task<> Engine::want(FleetNodePtr node, Goal goal) {
  bool is_interrupted = false;
  Change how = [&, goal](Deployment& row) -> Result<> {
    is_interrupted = interrupts(row, goal) || (goal == Goal::gone && node->is_queued);
    // Asked for although it was handed over: it is DOWN, or all is well.
    if (goal == Goal::running && row.goal == Goal::running && row.reached == Reached::handed_over &&
        state_of(row) != NodeState::up)
      start_again(row);
    return orchestration::want(row, goal);
  };
  CO_TRYV(co_await change(node, std::move(how)));
  if (is_interrupted && node->is_busy) node->cancel();
  go_on(node);
  co_return Result<>();
}

/// Some hundred at a time: others have their turn while those are written. What a node became
/// meanwhile counts: one that went by itself is no error.
Task<> Engine::want_all(std::vector<FleetNodePtr> nodes, Goal goal) {
  Result<> first_error;
  Turn turn;
  for (auto node = nodes.begin(); node != nodes.end();) {
    std::vector<Task<>> tasks;
    for (; node != nodes.end() && tasks.size() < most_changed_at_once; ++node)
      if (!(*node)->is_gone && (goal == Goal::gone || (*node)->row.goal != Goal::gone))
        tasks.push_back(want(*node, goal));
    for (auto& result : co_await all(std::move(tasks))) {
      if (result || !first_error) continue;
      auto errc = result.error().errc();
      if (errc != Errc::conflict && errc != Errc::not_found) first_error = result;
    }
    if (turn.is_over()) co_await next_turn(turn);
  }
  co_return first_error;
}

Task<> Engine::retry(FleetNodePtr node) {
  Change how = [](Deployment& row) { return orchestration::retry(row); };
  CO_TRYV(co_await change(node, std::move(how)));
  go_on(node);
  co_return Result<>();
}

Task<std::string> Engine::forget(FleetNodePtr node) {
  Change how = [](Deployment& row) { return orchestration::want(row, Goal::gone); };
  CO_TRYV(co_await change(node, std::move(how)));
  if (std::exchange(node->is_gone, true)) co_return Error(Errc::not_found, "it is gone");
  // Whatever happens: either it goes, or work on it goes on.
  struct Undo {
    Engine& engine;
    FleetNodePtr node;
    bool is_done = false;
    ~Undo() {
      if (is_done) return;
      node->is_gone = false;
      engine.go_on(node);
    }
  } undo{*this, node};
  while (node->is_busy) {
    node->cancel();
    co_await pause(std::chrono::milliseconds(5));
  }
  const auto& row = node->row;
  auto left = fmt::format("{}: processes and folder of {}", row.machine, row.id);
  if (auto release = catalogue_.release(row.release_id);
      release && release->start_mode == StartMode::systemd)
    left += ", its systemd unit";
  const bool is_last = !fleet_.is_used(host_of(row));
  CO_TRYV(co_await manager_.forget(row.id));
  if (is_last) {
    auto key = host_of(row);
    CO_TRY(auto archives, co_await archives_.forget_host(std::move(key)));
    for (auto& path : archives) left += ", " + path;
  }
  CO_TRYV(co_await rows_.remove(row.id, std::nullopt));
  undo.is_done = true;
  node->row.step = Step::remove;
  node->row.status = StepStatus::done;
  fleet_.remove(row.id);
  publish_step(row);
  co_return left;
}

void Engine::go_on(FleetNodePtr node) {
  if (is_stopping_ || node->is_gone || node->is_busy || !next_step(node->row)) return;
  node->is_busy = true;
  auto name = "deployment of " + node->row.name;
  node->cancel = tasks_.spawn(std::move(name), run(node));
}

asio::awaitable<void> Engine::run(FleetNodePtr node) {
  // However this ends: what was wanted meanwhile is begun.
  struct AtEnd {
    Engine& engine;
    FleetNodePtr node;
    ~AtEnd() {
      node->is_busy = false;
      // Not from here: this coroutine is still being taken down.
      auto again = [engine = &engine, node = node] { engine->go_on(node); };
      if (!engine.is_stopping_) asio::post(engine.executor_, std::move(again));
    }
  } at_end{*this, node};
  // Its host has nothing of it, and is not asked.
  if (node->row.goal == Goal::gone && is_untouched(node->row)) {
    node->row.step = Step::remove;
    co_await erase(node);
    co_return;
  }
  std::optional<Queued> queued(node);
  const bool is_new = next_step(node->row) == Step::upload;
  auto place = co_await places_.take(host_of(node->row), is_new, node->row.family_id);
  queued.reset();
  Held held;
  while (auto step = next_step(node->row)) {
    const bool had_started = node->row.may_run;
    Change begun = [step](Deployment& row) -> Result<> {
      begin(row, *step);
      return {};
    };
    if (auto written = co_await change(node, std::move(begun)); !written) {
      fail_unwritten(node, *step, written.error());
      co_return;
    }
    publish_step(node->row);
    auto trouble = co_await attempt(node, *step, had_started, held, place);
    if (trouble) held.start.reset();
    bool goes_on = co_await conclude(node, *step, std::move(trouble));
    held.joining.reset();
    if (!goes_on) co_return;
  }
}

/// A host that cannot be reached just now is tried again a few times.
asio::awaitable<StepResult> Engine::attempt(FleetNodePtr node, Step step, bool had_started,
                                            Held& held, HostPlaces::Place& place) {
  auto& settings = runner_.settings();
  Backoff pauses(settings.first_pause, settings.first_pause * 16, 3.0);
  for (unsigned attempt = 1;; ++attempt) {
    auto result = co_await runner_.run(node->row, step, had_started || attempt > 1, held);
    if (!result && proves_host(step)) place.was_heard();
    if (result && result->is_transient && step != Step::hand_over) place.was_mute();
    if (!result || !result->is_transient || attempt >= settings.attempts) co_return result;
    co_await pause(pauses.next(random_u32()));
    // Who waits for a place holds nothing that others need who have one.
    held.start.reset();
    held.joining.reset();
    co_await places_.take_again(place);
  }
}

/// Writes down how a step ended. True when the next one may follow.
asio::awaitable<bool> Engine::conclude(FleetNodePtr node, Step step, StepResult trouble) {
  if (!trouble && step == Step::remove) co_return co_await erase(node);
  Change ended = [&](Deployment& row) -> Result<> {
    if (trouble)
      fail(row, step, trouble->failure);
    else
      finish(row, step);
    return {};
  };
  if (auto written = co_await change(node, std::move(ended)); !written) {
    fail_unwritten(node, step, written.error());
    co_return false;
  }
  publish_step(node->row);
  if (trouble) log::warn("{}: {}", node->row.name, trouble->failure.message);
  co_return !trouble;
}

/// The row goes with the node.
asio::awaitable<bool> Engine::erase(FleetNodePtr node) {
  // Before the write: of two nodes that go at the same time one must be the last.
  node->is_gone = true;
  auto release = archives_.last_use(node->row);
  if (auto written = co_await rows_.remove(node->row.id, release); !written) {
    node->is_gone = false;
    fail_unwritten(node, Step::remove, written.error());
    co_return false;
  }
  node->row.status = StepStatus::done;
  fleet_.remove(node->row.id);
  if (release) {
    archives_.expect_removal(*release);
    tasks_.spawn("remove a release archive", remove_archive(*release));
  }
  publish_step(node->row);
  co_return false;
}

/// The disk is full, say. What the database holds is older than what was done; every step may be
/// repeated, so that is no harm.
void Engine::fail_unwritten(const FleetNodePtr& node, Step step, const Error& error) {
  log::error("{}: cannot write down a step: {}", node->row.name, error.text());
  auto row = node->row;
  fail(row, step,
       {"write down the step: " + error.text(), "",
        "make space in the daemon's data directory, then retry"});
  replace(node, std::move(row));
  publish_step(node->row);
}

asio::awaitable<void> Engine::remove_archive(HostRelease release) {
  Backoff pauses(std::chrono::seconds(5), std::chrono::minutes(10));
  while (true) {
    auto removed = co_await archives_.remove(release);
    if (removed) co_return;
    log::warn("a release archive stays on {} for now: {}", release.host.machine,
              removed.error().text());
    co_await pause(pauses.next(random_u32()));
  }
}

Task<> Engine::change(FleetNodePtr node, Change how) {
  auto turn = co_await node->writing.take();
  if (node->is_gone) co_return Error(Errc::not_found, node->row.name + " is gone");
  auto next = node->row;
  CO_TRYV(how(next));
  next.changed_at = clock_.now();
  CO_TRYV(co_await rows_.update(next));
  replace(node, std::move(next));
  co_return Result<>();
}

/// From STOPPED on, states are topology's to tell, but for errors.
void Engine::replace(const FleetNodePtr& node, Deployment next) {
  auto before = state_of(node->row), after = state_of(next);
  fleet_.replace(*node, std::move(next));
  if (before == after) return;
  bool is_error = before == NodeState::error || after == NodeState::error;
  if (!is_error && before != NodeState::uninit) return;
  bus_.publish("topology.node_state",
               topology::NodeStateEvent{node->row.id, {node->row.name}, after, {}, {}});
}

void Engine::publish_step(const Deployment& row) {
  StepEvent event{row.id, {row.name}, row.family_id, *row.step, row.status, {}, {}, {}};
  if (row.status == StepStatus::failed) {
    event.message = row.failure.message;
    event.output = row.failure.output;
    event.remedy = row.failure.remedy;
  }
  bus_.publish("orchestration.step", std::move(event));
}

}  // namespace muster::orchestration
