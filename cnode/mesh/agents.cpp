#include "mesh/agents.h"

#include <boost/asio/as_tuple.hpp>

#include "base/backoff.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "etf/print.h"

namespace muster::mesh {

using namespace std::chrono_literals;
using etf::atom;
using etf::Term;

namespace {
constexpr auto call_limit = 10s;
}  // namespace

/// The process that agents know of us: they monitor it and send their samples here.
class Agents::Receiver final : public dist::Process {
 public:
  void on_message(const dist::Message& message) override {
    auto term = message.decode();
    auto* parts = term ? term->tuple(4) : nullptr;
    auto* agent = parts ? (*parts)[1].get_if<etf::Atom>() : nullptr;
    if (agent && sink && (*parts)[0].is_atom("muster_agent"))
      sink(message.link.peer(), agent->name, (*parts)[3]);
  }
  Sink sink;
};

Agents::Agents(asio::any_io_executor executor, dist::Node& node, std::chrono::seconds interval)
    : node_(node),
      interval_(interval),
      receiver_(std::make_shared<Receiver>()),
      running_(std::move(executor)) {
  node_.spawn(receiver_);
}

Agents::~Agents() = default;

void Agents::on_sample(Sink sink) {
  receiver_->sink = std::move(sink);
}

void Agents::node_up(std::shared_ptr<dist::Link> link, const NodeSpec& spec,
                     const NodeFacts& facts) {
  auto* code = spec.agents ? agent_code("vitals", facts.otp_release) : nullptr;
  auto at = guests_.find(spec.name);
  bool is_running = at != guests_.end() && at->second.link.lock() == link;
  if (is_running && code) return;
  release(spec.name);
  if (!code) return;
  auto& guest = guests_[spec.name];
  guest.link = link;
  guest.cancel = running_.spawn("agent on " + spec.name, keep_agent(std::move(link), *code));
}

void Agents::release(const std::string& node) {
  auto at = guests_.find(node);
  if (at == guests_.end()) return;
  auto guest = std::move(at->second);
  guests_.erase(at);
  if (guest.cancel) guest.cancel();
  auto link = guest.link.lock();
  if (link && link->is_up() && guest.agent)
    link->send(*guest.agent, etf::tuple(atom("muster_agent_release"), link->pid(receiver_->pid())),
               receiver_->pid());
}

asio::awaitable<void> Agents::stop() {
  std::vector<std::string> nodes;
  for (auto& [name, guest] : guests_) nodes.push_back(name);
  for (auto& name : nodes) release(name);
  co_await running_.join();
}

asio::awaitable<void> Agents::keep_agent(std::shared_ptr<dist::Link> link, const AgentCode& code) {
  Backoff backoff(200ms, 300s, 3.0);  // at first the last agent may just be leaving
  auto executor = co_await asio::this_coro::executor;
  while (link->is_up()) {
    auto agent = co_await start_agent(*link, code);
    if (agent) {
      if (auto at = guests_.find(link->peer()); at != guests_.end()) at->second.agent = *agent;
      asio::steady_timer gone(executor, asio::steady_timer::time_point::max());
      auto wake = [&gone](const Term&) { gone.cancel(); };
      auto monitor = link->monitor(*agent, wake);
      co_await gone.async_wait(asio::as_tuple(asio::use_awaitable));
      if (auto at = guests_.find(link->peer()); at != guests_.end()) at->second.agent.reset();
    } else if (link->is_up()) {
      log::warn("{}: agent {} does not start: {}", link->peer(), code.agent, agent.error().text());
    }
    if (link->is_up()) co_await pause(backoff.next(random_u32()));
  }
  if (auto at = guests_.find(link->peer()); at != guests_.end() && at->second.link.lock() == link)
    guests_.erase(at);
}

/// The steps of erlang/apps/muster_agents/README.md. atomic_load/1 and not load_binary/3, which
/// would kill a process that still runs old code of the module.
Task<> Agents::load(dist::Link& link, const AgentCode& code) {
  auto module = std::string(code.module);
  std::vector<Term> loaded{atom(module)};
  CO_TRY(auto is_loaded,
         co_await link.call("erlang", "module_loaded", std::move(loaded), call_limit));
  if (is_loaded.is_atom("true")) co_return Result<>();
  std::vector<Term> purge{atom(module)};
  CO_TRYV(co_await link.call("code", "soft_purge", std::move(purge), call_limit));
  auto entry = etf::tuple(atom(module), etf::CharList{module + ".beam"}, etf::binary(code.beam));
  std::vector<Term> load{etf::list(std::move(entry))};
  CO_TRY(auto answer, co_await link.call("code", "atomic_load", std::move(load), call_limit));
  if (!answer.is_atom("ok"))
    co_return Error(Errc::unavailable,
                    "the node does not load its code: " + etf::to_string(answer, 200));
  co_return Result<>();
}

Task<etf::Pid> Agents::start_agent(dist::Link& link, const AgentCode& code) {
  CO_TRYV(co_await load(link, code));
  etf::Map lease;
  lease.pairs.emplace_back(atom("pid"), link.pid(receiver_->pid()));
  auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(interval_);
  lease.pairs.emplace_back(atom("interval_ms"), std::int64_t{interval.count()});
  std::vector<Term> start{Term(std::move(lease))};
  CO_TRY(auto started,
         co_await link.call(std::string(code.module), "start", std::move(start), call_limit));
  auto* parts = started.tuple(2);
  auto* pid = parts && (*parts)[0].is_atom("ok") ? (*parts)[1].get_if<etf::Pid>() : nullptr;
  if (!pid) co_return Error(Errc::unavailable, etf::to_string(started, 200));
  co_return *pid;
}

}  // namespace muster::mesh
