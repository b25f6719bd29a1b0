#include "mesh/agents.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>

#include "base/backoff.h"
#include "base/clean_text.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "etf/decode.h"
#include "etf/print.h"
#include "mesh/stock_calls.h"

namespace muster::mesh {

using namespace std::chrono_literals;
using etf::atom;
using etf::Term;

namespace {

constexpr auto call_limit = 10s;
constexpr auto busy_pause = 30s;
constexpr auto others_pause = 10s;  ///< until agents that obey another are asked again
constexpr auto long_life = 60s;     ///< an agent that lived so long is started again at once

etf::List arguments_of(Term argument) {
  return {{std::move(argument)}, nullptr};
}

/// What code:atomic_load/1 takes.
Term entry_of(const std::string& module, std::string_view beam) {
  return etf::tuple(atom(module), etf::CharList{module + ".beam"}, etf::binary(beam));
}

std::string obeys(const Term& other) {
  return fmt::format(
      "it obeys another installation, {}: this daemon keeps its hands off until that one leaves "
      "(muster serve --take-over does not wait)",
      etf::to_string(other, 260));
}

/// The answer of start/1. Error: conflict where the agent obeys another installation.
Result<etf::Pid> started_pid(const Term& answer) {
  if (auto* refused = answer.tuple(2); refused && (*refused)[0].is_atom("error"))
    if (auto* why = (*refused)[1].tuple(2); why && (*why)[0].is_atom("obeys"))
      return Error(Errc::conflict, obeys((*why)[1]));
  auto* parts = answer.tuple(2);
  auto* pid = parts && (*parts)[0].is_atom("ok") ? (*parts)[1].get_if<etf::Pid>() : nullptr;
  if (!pid) return Error(Errc::unavailable, etf::to_string(answer, 200));
  return *pid;
}

}  // namespace

/// The process that agents know of us: they monitor it and send their samples here.
class Agents::Receiver final : public dist::Process {
 public:
  void on_message(const dist::Message& message) override {
    if (!admits(message.link, message.payload.size())) return;
    auto term = etf::decode(message.payload, most);
    if (!term && term.error().code != Errc::too_large) return message.link.fail(term.error());
    if (!term) return refuse(message.link, "are larger than any of theirs");
    auto* parts = term->tuple(4);
    if (!parts) return;
    auto* agent = (*parts)[1].get_if<etf::Atom>();
    if ((*parts)[0].is_atom("muster_agent_taken")) {
      if (auto* pid = (*parts)[2].get_if<etf::Pid>(); agent && pid)
        on_taken(message.link, agent->name, *pid, (*parts)[3]);
      return;
    }
    if (!(*parts)[0].is_atom("muster_agent")) return;
    auto sink = agent ? sinks.find(agent->name) : sinks.end();
    if (sink != sinks.end()) sink->second(message.link.peer(), (*parts)[3]);
  }
  bool on_guest_message(const dist::Message& message) override { return on_message(message), true; }
  std::unordered_map<std::string, Sink> sinks;  ///< by agent
  std::function<void(const dist::Link&, const std::string&, const etf::Pid&, const Term&)> on_taken;
  std::function<bool(const dist::Link&, std::size_t bytes)> admits;
  std::function<void(const dist::Link&, const char* why)> refuse;

 private:
  /// What an agent says has a few thousand terms; 8,000 modules are 16,000, and 1,000 metrics of
  /// libraries 24,000. What is more costs a few milliseconds to see, and is dropped.
  static constexpr etf::Limits most{64, 40'000};
};

Agents::Agents(asio::any_io_executor executor, dist::Node& node, std::chrono::seconds interval)
    : node_(node),
      interval_(interval),
      receiver_(std::make_shared<Receiver>()),
      running_(std::move(executor)) {
  receiver_->admits = [this](const dist::Link& link, std::size_t bytes) {
    return admits(link, bytes);
  };
  receiver_->refuse = [this](const dist::Link& link, const char* why) { refuse(link, why); };
  receiver_->on_taken = [this](const dist::Link& link, const std::string& agent,
                               const etf::Pid& pid,
                               const Term& by) { taken(link, agent, pid, by); };
  node_.spawn(receiver_);
}

Agents::~Agents() {
  receiver_->on_taken = [](auto&...) {};
}

/// Only nodes that have agents of ours say something here, each within its share.
bool Agents::admits(const dist::Link& link, std::size_t bytes) {
  auto* guest = guest_of(link);
  if (!guest) return false;
  if (guest->share.admits(bytes, MessageShare::Clock::now())) return true;
  refuse(link, "are more than its share");
  return false;
}

void Agents::refuse(const dist::Link& link, const char* why) {
  auto* guest = guest_of(link);
  if (!guest) return;
  auto now = std::chrono::steady_clock::now();
  bool is_first = ++guest->refused == 1;
  if (is_first) log::warn("{}: messages of its agents {}, and are dropped", link.peer(), why);
  if (!is_first && now < guest->refusals_told + 10s) return;
  guest->refusals_told = now;
  if (drop_sink_) drop_sink_(link.peer(), why, guest->refused);
}

void Agents::on_sample(const std::string& agent, Sink sink) {
  receiver_->sinks[agent] = std::move(sink);
}

void Agents::configure(const std::string& node, const std::string& agent, etf::Map settings) {
  bool is_empty = settings.pairs.empty();
  if (!is_empty) {
    settings_[node][agent] = std::move(settings);
  } else if (auto at = settings_.find(node); at != settings_.end()) {
    at->second.erase(agent);
    if (at->second.empty()) settings_.erase(at);
  }
  auto guest = guests_.find(node);
  auto link = guest == guests_.end() ? nullptr : guest->second.link.lock();
  if (is_empty || !link) return;
  if (auto pid = guest->second.running.find(agent); pid != guest->second.running.end())
    tell_settings(*link, agent, pid->second.pid);
}

void Agents::tell_settings(dist::Link& link, const std::string& agent, const etf::Pid& pid) {
  auto of_node = settings_.find(link.peer());
  if (of_node == settings_.end()) return;
  auto settings = of_node->second.find(agent);
  if (settings == of_node->second.end()) return;
  link.send(
      pid,
      etf::tuple(atom("muster_agent_settings"), link.pid(receiver_->pid()), Term(settings->second)),
      receiver_->pid());
}

void Agents::node_up(std::shared_ptr<dist::Link> link, const NodeSpec& spec,
                     const NodeFacts& facts) {
  auto at = guests_.find(spec.name);
  bool has_guests = at != guests_.end() && at->second.link.lock() == link;
  if (has_guests && spec.agents) return;
  release(spec.name);
  if (lack_sink_) lack_sink_(spec.name, {});
  if (!spec.agents) return;
  guests_[spec.name].link = link;
  auto task = begin(link, facts.otp_release);
  run_for(*link, "agents on " + spec.name, std::move(task));
}

/// For as long as the guest is there. A coroutine begins at once, and may end it at once.
void Agents::run_for(const dist::Link& link, std::string name, asio::awaitable<void> task) {
  auto cancel = running_.spawn(std::move(name), std::move(task));
  if (auto* guest = guest_of(link)) guest->cancels.push_back(std::move(cancel));
}

void Agents::release(const std::string& node) {
  auto at = guests_.find(node);
  if (at == guests_.end()) return;
  auto guest = std::move(at->second);
  guests_.erase(at);
  for (auto& cancel : guest.cancels) cancel();
  auto link = guest.link.lock();
  if (!link || !link->is_up()) return;
  auto bye = etf::tuple(atom("muster_agent_release"), link->pid(receiver_->pid()));
  for (auto& [agent, one] : guest.running) link->send(one.pid, bye, receiver_->pid());
}

asio::awaitable<void> Agents::stop() {
  std::vector<std::string> nodes;
  for (auto& [name, guest] : guests_) nodes.push_back(name);
  for (auto& name : nodes) release(name);
  co_await running_.join();
}

Agents::Guest* Agents::guest_of(const dist::Link& link) {
  auto at = guests_.find(link.peer());
  return at != guests_.end() && at->second.link.lock().get() == &link ? &at->second : nullptr;
}

asio::awaitable<Places::Place> Agents::place(const dist::Link& link) {
  auto* guest = guest_of(link);
  co_return co_await starts_.take(guest && guest->was_mute);
}

void Agents::was_mute(const dist::Link& link, bool is_so) {
  if (auto* guest = guest_of(link)) guest->was_mute = is_so;
}

void Agents::lacks(const dist::Link& link, const std::string& agent, std::string why) {
  auto* guest = guest_of(link);
  if (!guest) return;
  why = clean_text(why, 500);
  auto& known = guest->lacking[agent];
  if (known == why) return;
  log::warn("{}: no agent {}: {}", link.peer(), agent, why);
  known = std::move(why);
  if (lack_sink_) lack_sink_(link.peer(), guest->lacking);
}

void Agents::taken(const dist::Link& link, const std::string& agent, const etf::Pid& pid,
                   const Term& by) {
  auto* guest = guest_of(link);
  if (!guest) return;
  auto at = guest->running.find(agent);
  if (at == guest->running.end() || !(at->second.pid == pid)) return;
  at->second.gone->cancel();
  guest->running.erase(at);  // said once, however often it is
  lacks(link, agent, obeys(by));
}

void Agents::has(const dist::Link& link, const std::string& agent) {
  auto* guest = guest_of(link);
  if (guest && guest->lacking.erase(agent) && lack_sink_) lack_sink_(link.peer(), guest->lacking);
}

/// Decides what the node gets, and has every agent kept.
asio::awaitable<void> Agents::begin(std::shared_ptr<dist::Link> link, std::string otp_release) {
  auto included = co_await included_version(*link);
  // Nothing is loaded on a guess: a node that is too busy to say is asked again.
  while (!included && included.error().code == Errc::timeout && link->is_up()) {
    was_mute(*link, true);
    for (auto agent : agent_names()) lacks(*link, std::string(agent), included.error().text());
    co_await pause(busy_pause);
    included = co_await included_version(*link);
  }
  was_mute(*link, false);
  if (!link->is_up()) {
    if (guest_of(*link)) release(link->peer());
    co_return;
  }
  for (auto agent : agent_names()) {
    Wanted wanted{std::string(agent), {}, {}};
    auto* code = agent_code(agent, otp_release);
    if (included && *included && **included != agents_version()) {
      lacks(*link, wanted.agent,
            fmt::format("muster_agents {} runs there, this daemon works with {}", **included,
                        agents_version()));
      continue;
    } else if (included && *included) {
      wanted.module = "muster_agent_" + wanted.agent;
    } else if (code) {
      wanted.module = code->module;
      wanted.beam = code->beam;
    } else {
      lacks(*link, wanted.agent, "there is no code for OTP " + otp_release);
      continue;
    }
    if (!guest_of(*link)) co_return;
    auto name = "agent " + wanted.agent + " on " + link->peer();
    run_for(*link, std::move(name), keep_agent(link, std::move(wanted)));
  }
}

/// The version of the application muster_agents if that runs on the node.
Task<std::optional<std::string>> Agents::included_version(dist::Link& link) {
  auto held = co_await place(link);
  std::vector<Term> none;
  CO_TRY(auto answer,
         co_await link.call("application", "which_applications", std::move(none), call_limit));
  std::vector<Term> applications;
  answer.proper_list(applications);
  for (auto& application : applications)
    if (auto* parts = application.tuple(3); parts && (*parts)[0].is_atom("muster_agents"))
      co_return std::optional(etf::name_of((*parts)[2], 64));
  co_return std::optional<std::string>();
}

/// Its frame is what an agent costs at rest, so one timer serves for all that it waits for.
asio::awaitable<void> Agents::keep_agent(std::shared_ptr<dist::Link> link, Wanted wanted) {
  Backoff backoff(200ms, 300s, 3.0);  // at first the last agent may just be leaving
  asio::steady_timer timer(co_await asio::this_coro::executor);
  bool takes_over = takes_over_;
  while (link->is_up()) {
    auto agent = co_await start_agent(*link, wanted, takes_over);
    was_mute(*link, !agent && agent.error().code == Errc::timeout);
    if (agent) {
      takes_over = false;
      has(*link, wanted.agent);
      auto began = std::chrono::steady_clock::now();
      timer.expires_at(asio::steady_timer::time_point::max());
      if (auto* guest = guest_of(*link))
        guest->running.insert_or_assign(wanted.agent, Guest::Running{*agent, &timer});
      struct Gone {
        Agents& agents;
        dist::Link& link;
        const std::string& agent;
        ~Gone() {
          if (auto* guest = agents.guest_of(link)) guest->running.erase(agent);
        }
      } erase{*this, *link, wanted.agent};
      tell_settings(*link, wanted.agent, *agent);
      auto wake = [&timer](const Term&) { timer.cancel(); };
      auto monitor = link->monitor(*agent, wake);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      if (std::chrono::steady_clock::now() - began > long_life) backoff.reset();
    } else if (link->is_up()) {
      lacks(*link, wanted.agent, agent.error().text());
      // Tried again it would only be another error in the node's own log.
      if (agent.error().code == Errc::unsupported) co_return;
    }
    if (!link->is_up()) break;
    bool is_anothers = !agent && agent.error().code == Errc::conflict;
    timer.expires_after(is_anothers ? others_pause : backoff.next(random_u32()));
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (guest_of(*link)) release(link->peer());
}

/// The steps of erlang/apps/muster_agents/README.md. atomic_load/1 and not load_binary/3, which
/// would kill a process that still runs old code of the module. Error: unsupported when the node
/// refuses the code for good.
Task<> Agents::load(dist::Link& link, const Wanted& wanted) {
  auto purge = arguments_of(atom(wanted.module)).elements;
  CO_TRYV(co_await link.call("code", "soft_purge", std::move(purge), call_limit));
  auto load = arguments_of(etf::list(entry_of(wanted.module, wanted.beam))).elements;
  CO_TRY(auto answer, co_await link.call("code", "atomic_load", std::move(load), call_limit));
  if (answer.is_atom("ok")) co_return Result<>();
  auto said = etf::to_string(answer, 200);
  bool is_leaving = said.find("not_purged") != std::string::npos;
  co_return Error(is_leaving ? Errc::unavailable : Errc::unsupported,
                  "the node does not load its code: " + said);
}

Task<etf::Pid> Agents::start_agent(dist::Link& link, const Wanted& wanted, bool takes_over) {
  auto held = co_await place(link);
  etf::Map map;
  map.pairs.emplace_back(atom("pid"), link.pid(receiver_->pid()));
  auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(interval_);
  map.pairs.emplace_back(atom("interval_ms"), std::int64_t{interval.count()});
  map.pairs.emplace_back(atom("alone"), atom(takes_over ? "take_over" : "true"));
  Term lease(std::move(map));
  if (!wanted.beam.empty()) {
    auto arguments = arguments_of(atom(wanted.module)).elements;
    CO_TRY(auto is_loaded,
           co_await link.call("erlang", "module_loaded", std::move(arguments), call_limit));
    if (!is_loaded.is_atom("true")) {
      auto answer = co_await load_and_start(link, wanted, lease);
      if (answer) co_return started_pid(*answer);
      if (answer.error().code == Errc::timeout || !link.is_up()) co_return answer.error();
      CO_TRYV(co_await load(link, wanted));  // that says why
    }
  }
  auto start = arguments_of(lease).elements;
  CO_TRY(auto started, co_await link.call(wanted.module, "start", std::move(start), call_limit));
  co_return started_pid(started);
}

/// In one call, which the node carries out whatever becomes of us: what is loaded is started, and
/// so leaves again. The answer of start/1.
Task<Term> Agents::load_and_start(dist::Link& link, const Wanted& wanted, const Term& lease) {
  StockCalls calls;
  calls.add("code", "soft_purge", etf::list(atom(wanted.module)));
  calls.add("code", "atomic_load", etf::list(etf::list(entry_of(wanted.module, wanted.beam))));
  calls.add(wanted.module, "start", etf::list(lease));
  auto arguments = std::move(calls).arguments();
  CO_TRY(auto answers, co_await link.call(StockCalls::module, StockCalls::function,
                                          std::move(arguments), call_limit));
  std::vector<Term> values;
  if (!answers.proper_list(values) || values.size() != 3)
    co_return Error(Errc::unavailable, etf::to_string(answers, 200));
  co_return std::move(values[2]);
}

}  // namespace muster::mesh
