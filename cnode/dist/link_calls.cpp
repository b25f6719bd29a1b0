#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/offload.h"
#include "dist/flags.h"
#include "dist/link.h"
#include "dist/node_core.h"
#include "dist/pending.h"
#include "etf/decode.h"
#include "etf/print.h"
#include "etf/weight.h"

namespace muster::dist {
namespace {

/// Bytes of an answer that the loop takes apart itself: a millisecond at worst.
constexpr std::size_t taken_apart_here = 32 * 1024;

constexpr std::uint64_t monitors = flag::dist_monitor | flag::dist_monitor_name;

PeerPid number(const etf::Pid& pid) {
  return {pid.id, pid.serial, pid.creation};
}

Error closed(const std::string& peer) {
  return Error(make_error_code(LinkError::closed), "the link with " + peer + " is gone");
}

bool is_atom_name(std::string_view name) {
  return name.size() <= 255;
}

/// {Class, Reason} as erpc's exit reason says it; anything else is a death by signal.
CallOutcome outcome_of(etf::Term reason) {
  using Kind = CallOutcome::Kind;
  if (auto* tuple = reason.get_if<etf::Tuple>()) {
    auto& e = tuple->elements;
    if (e.size() >= 3 && e[0].is<etf::Reference>()) {
      if (e[1].is_atom("return")) return {Kind::returned, std::move(e[2]), {}};
      if (e[1].is_atom("throw")) return {Kind::threw, std::move(e[2]), {}};
      if (e[1].is_atom("exit")) return {Kind::exited, std::move(e[2]), {}};
      if (e[1].is_atom("error"))
        return {Kind::failed, std::move(e[2]), e.size() > 3 ? std::move(e[3]) : etf::Term()};
    }
  }
  return {Kind::exited, etf::tuple(etf::atom("signal"), std::move(reason)), {}};
}

/// What `rex` answers to {call, M, F, A, GL}.
CallOutcome outcome_of_rex(etf::Term answer) {
  using Kind = CallOutcome::Kind;
  auto* pair = answer.tuple(2);
  if (!pair || !(*pair)[0].is_atom("badrpc")) return {Kind::returned, std::move(answer), {}};
  auto* exit = (*pair)[1].tuple(2);
  if (!exit || !(*exit)[0].is_atom("EXIT")) return {Kind::exited, (*pair)[1], {}};
  auto* with_stack = (*exit)[1].tuple(2);
  if (with_stack && (*with_stack)[1].is<etf::List>())
    return {Kind::failed, (*with_stack)[0], (*with_stack)[1]};
  return {Kind::exited, (*exit)[1], {}};
}

}  // namespace

// --- Pending ---

Link::Pending::Pending(Link& link, std::uint64_t ref, Link::Duration limit, etf::Limits most)
    : link_(link.shared_from_this()),
      ref_(ref),
      most_(most),
      wake_(link.core_->context, limit),
      claim_(link.holder_) {
  link.pending_.emplace(ref, this);
}

Link::Pending::~Pending() {
  link_->pending_.erase(ref_);
}

boost::asio::awaitable<bool> Link::Pending::wait() {
  auto [ec] = co_await wake_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (state == State::waiting) {
    if (ec) throw boost::system::system_error(ec);
    co_return false;
  }
  if (!long_answer_.empty()) co_await take_apart();
  co_return true;
}

/// Apart from wait(), whose frame each call under way has.
boost::asio::awaitable<void> Link::Pending::take_apart() {
  auto job = [this] {
    auto decoded = etf::decode(long_answer_, most_);
    frame_.reset();
    return decoded;
  };
  auto term = co_await offload(link_->core_->decoders, job);
  long_answer_ = {};
  std::string().swap(copy_);
  if (!keep(std::move(term))) state = State::lost;
}

/// False: it is no term, and the link is done for.
bool Link::Pending::keep(Result<etf::Term> term) {
  if (term && claim_.bytes() > 0 && !claim_.set(etf::weight(*term))) {
    no_memory();
  } else if (term) {
    value = *std::move(term);
  } else if (term.error().code == Errc::too_large) {  // any node may send that
    unread = std::move(term).error();
    state = State::unread;
  } else {
    link_->fail(term.error());
    return false;
  }
  return true;
}

void Link::Pending::no_memory() {
  unread = Error(Errc::unavailable, "the daemon has no memory for it now");
  state = State::unread;
}

void Link::Pending::take(State next, std::string_view encoded) {
  if (state != State::waiting) return;  // answered twice
  state = next;
  constexpr std::size_t unclaimed = 16 * 1024;
  if (encoded.size() > unclaimed && !claim_.set(encoded.size())) {
    no_memory();
  } else if (encoded.size() > taken_apart_here) {
    frame_ = std::move(link_->handled_);
    if (!frame_) copy_ = encoded;
    long_answer_ = frame_ ? encoded : copy_;
  } else if (!keep(etf::decode(encoded, most_))) {
    state = State::waiting;  // until the link is gone
    return;
  }
  wake_.cancel();
}

void Link::Pending::ended(std::string_view encoded_reason) {
  take(State::ended, encoded_reason);
}

void Link::Pending::answered(std::string_view encoded_reply) {
  take(State::answered, encoded_reply);
}

void Link::Pending::left_out(std::size_t size, std::size_t most) {
  if (state != State::waiting) return;
  unread =
      Error(Errc::too_large, fmt::format("the answer is a message of {} bytes, and a node with "
                                         "a cookie of its own may send {}",
                                         size, most));
  state = State::unread;
  wake_.cancel();
}

void Link::Pending::refused(std::string why) {
  refusal = std::move(why);
  state = State::refused;
  wake_.cancel();
}

void Link::Pending::lost() {
  if (state != State::waiting) return;
  state = State::lost;
  wake_.cancel();
}

// --- sends ---

LocalPid Link::or_caller(LocalPid pid) const {
  return pid ? pid : core_->caller;
}

etf::Pid Link::pid(LocalPid local) const {
  return {etf::Atom{self_->name}, local.id, local.serial, core_->creation};
}

etf::Pid Link::pid(PeerPid remote) const {
  return {etf::Atom{peer_}, remote.id, remote.serial, remote.creation};
}

bool Link::is_hidden() const {
  return !can(flag::published);
}

void Link::send(const etf::Pid& to, const etf::Term& message, LocalPid from) {
  std::string encoded;
  etf::encode(message, encoded);
  send_encoded(to, encoded, from);
}

void Link::send_encoded(const etf::Pid& to, std::string_view message, LocalPid from) {
  if (!is_up_ || to.node.name != peer_) return;
  auto send = can(flag::send_sender) ? frame(Op::send_sender, 3) : frame(Op::send, 3);
  if (can(flag::send_sender)) {
    send.own(or_caller(from));
  } else {
    send.atom("");
  }
  send.peer(number(to)).payload().raw(message);
  queue(send);
}

void Link::send(std::string_view name, const etf::Term& message, LocalPid from) {
  if (!is_up_ || !is_atom_name(name)) return;
  auto send = frame(Op::reg_send, 4);
  send.own(or_caller(from)).atom("").atom(name).payload().term(message);
  queue(send);
}

void Link::cast(std::string_view name, const etf::Term& request) {
  send(name, etf::tuple(etf::atom("$gen_cast"), request));
}

// --- calls ---

Task<CallOutcome> Link::apply(std::string module, std::string function,
                              std::vector<etf::Term> arguments, Duration limit, etf::Limits most) {
  auto self = shared_from_this();
  if (!is_up_) co_return closed(peer_);
  if (!is_atom_name(module) || !is_atom_name(function))
    co_return Error(Errc::bad_request, "a module or function name of more than 255 bytes");
  if (!can(flag::spawn))
    co_return co_await apply_by_rex(std::move(module), std::move(function), std::move(arguments),
                                    limit, most);
  auto ref = core_->fresh_ref();
  Pending pending(*this, ref, limit, most);
  auto request = frame(Op::spawn_request, 6);
  request.own_ref(ref).own(core_->caller).own(core_->group_leader);
  request.tuple(3).atom("erpc").atom("execute_call").small(4);
  request.list(1).atom("monitor").nil();
  request.payload().list(4).own_ref(ref).atom(module).atom(function);
  request.term(etf::List{std::move(arguments), nullptr}).nil();
  queue(request);
  struct Abandon {
    Link& link;
    Pending& pending;
    std::uint64_t ref;
    ~Abandon() {
      if (pending.state != Pending::State::waiting || !link.is_up_) return;
      if (!pending.spawned) return;
      auto target = *pending.spawned;
      auto demonitor = link.frame(Op::demonitor_p, 4);
      demonitor.own(link.core_->caller).peer(target).own_ref(ref);
      link.queue(demonitor);
      link.exit(link.pid(target), etf::atom("kill"));
    }
  } abandon{*this, pending, ref};
  if (!co_await pending.wait())
    co_return Error(Errc::timeout,
                    fmt::format("{}:{} on {}: no answer in time", module, function, peer_));
  switch (pending.state) {
    case Pending::State::ended:
      if (pending.value.is_atom("noconnection")) co_return closed(peer_);
      co_return outcome_of(std::move(pending.value));
    case Pending::State::refused:
      co_return Error(Errc::unsupported, peer_ + " does not spawn for us: " + pending.refusal);
    case Pending::State::unread:
      co_return std::move(pending.unread)
          .context(fmt::format("the answer of {}:{} on {}", module, function, peer_));
    default:
      co_return closed(peer_);
  }
}

Task<CallOutcome> Link::apply_by_rex(std::string module, std::string function,
                                     std::vector<etf::Term> arguments, Duration limit,
                                     etf::Limits most) {
  etf::Term request = etf::tuple(etf::atom("call"), etf::atom(module), etf::atom(function),
                                 etf::Term(etf::List{std::move(arguments), nullptr}),
                                 etf::Term(pid(core_->group_leader)));
  CO_TRY(auto answer, co_await gen_call("rex", std::move(request), limit, most));
  co_return outcome_of_rex(std::move(answer));
}

Task<etf::Term> Link::call(std::string module, std::string function,
                           std::vector<etf::Term> arguments, Duration limit) {
  auto what = fmt::format("{}:{} on {}", module, function, peer_);
  CO_TRY(auto outcome, co_await apply(std::move(module), std::move(function), std::move(arguments),
                                      limit, short_answer));
  if (outcome.is_ok()) co_return std::move(outcome.value);
  std::string_view how = outcome.kind == CallOutcome::Kind::threw    ? "threw"
                         : outcome.kind == CallOutcome::Kind::exited ? "exited with"
                                                                     : "failed with";
  co_return Error(Errc::internal,
                  fmt::format("{} {} {}", what, how, etf::to_string(outcome.value, 500)));
}

Task<etf::Term> Link::gen_call(std::string name, etf::Term request, Duration limit,
                               etf::Limits most) {
  auto self = shared_from_this();
  if (!is_up_) co_return closed(peer_);
  if (!is_atom_name(name)) co_return Error(Errc::bad_request, "a name of more than 255 bytes");
  auto ref = core_->fresh_ref();
  Pending pending(*this, ref, limit, most);
  bool is_monitored = (flags_ & monitors) == monitors;
  if (is_monitored) {
    auto monitor = frame(Op::monitor_p, 4);
    monitor.own(core_->caller).atom(name).own_ref(ref);
    queue(monitor);
  }
  auto send = frame(Op::reg_send, 4);
  send.own(core_->caller).atom("").atom(name).payload();
  send.tuple(3).atom("$gen_call").tuple(2).own(core_->caller).own_ref(ref).term(request);
  queue(send);
  struct Demonitor {
    Link& link;
    Pending& pending;
    const std::string& name;
    std::uint64_t ref;
    bool is_monitored;
    ~Demonitor() {
      if (!is_monitored || !link.is_up_ || pending.state == Pending::State::ended) return;
      auto demonitor = link.frame(Op::demonitor_p, 4);
      demonitor.own(link.core_->caller).atom(name).own_ref(ref);
      link.queue(demonitor);
    }
  } demonitor{*this, pending, name, ref, is_monitored};
  if (!co_await pending.wait())
    co_return Error(Errc::timeout, fmt::format("{} on {}: no answer in time", name, peer_));
  if (pending.state == Pending::State::answered) co_return std::move(pending.value);
  if (pending.state == Pending::State::unread)
    co_return std::move(pending.unread).context(fmt::format("the answer of {} on {}", name, peer_));
  if (pending.state != Pending::State::ended || pending.value.is_atom("noconnection"))
    co_return closed(peer_);
  if (pending.value.is_atom("noproc"))
    co_return Error(Errc::not_found, fmt::format("nobody is registered as {} on {}", name, peer_));
  co_return Error(Errc::unavailable, fmt::format("{} on {} ended: {}", name, peer_,
                                                 etf::to_string(pending.value, 500)));
}

// --- monitors of ours ---

MonitorHandle Link::monitor_encoded(std::string target, Down down) {
  bool is_possible = is_up_ && (flags_ & monitors) == monitors;
  auto ref = core_->fresh_ref();
  if (is_possible) {
    auto monitor = frame(Op::monitor_p, 4);
    monitor.own(core_->caller).raw(target).own_ref(ref);
    queue(monitor);
  } else {
    boost::asio::post(core_->context, [self = shared_from_this(), ref] {
      if (auto monitor = self->own_monitors_.extract(ref))
        monitor.mapped().down(etf::atom("noconnection"));
    });
  }
  own_monitors_.emplace(ref, OwnMonitor{std::move(down), std::move(target)});
  return MonitorHandle(weak_from_this(), ref);
}

MonitorHandle Link::monitor(const etf::Pid& process, Down down) {
  std::string target;
  etf::encode(process, target);
  return monitor_encoded(std::move(target), std::move(down));
}

MonitorHandle Link::monitor(std::string_view name, Down down) {
  return monitor_encoded(encoded_atom(name.substr(0, 255)), std::move(down));
}

void Link::demonitor(std::uint64_t ref) {
  auto found = own_monitors_.find(ref);
  if (found == own_monitors_.end()) return;
  if (is_up_ && (flags_ & monitors) == monitors) {
    auto demonitor = frame(Op::demonitor_p, 4);
    demonitor.own(core_->caller).raw(found->second.target).own_ref(ref);
    queue(demonitor);
  }
  own_monitors_.erase(ref);
}

MonitorHandle::MonitorHandle(MonitorHandle&& other) noexcept
    : link_(std::move(other.link_)), ref_(std::exchange(other.ref_, 0)) {}

MonitorHandle& MonitorHandle::operator=(MonitorHandle&& other) noexcept {
  reset();
  link_ = std::move(other.link_);
  ref_ = std::exchange(other.ref_, 0);
  return *this;
}

void MonitorHandle::reset() {
  auto ref = std::exchange(ref_, 0);
  if (ref == 0) return;
  if (auto link = link_.lock()) link->demonitor(ref);
}

void Link::exit(const etf::Pid& remote, const etf::Term& reason, LocalPid from) {
  if (!is_up_ || remote.node.name != peer_) return;
  bool in_payload = can(flag::exit_payload);
  auto exit = in_payload ? frame(Op::payload_exit2, 3) : frame(Op::exit2, 4);
  exit.own(or_caller(from)).peer(number(remote));
  if (in_payload) exit.payload();
  exit.term(reason);
  queue(exit);
}

// --- the ends of our processes ---

void Link::send_monitor_exit(const PeerRef& ref, const PeerPid& watcher, LocalPid target,
                             std::string_view name, std::string_view reason) {
  if (!is_up_) return;
  bool in_payload = can(flag::exit_payload);
  auto down = in_payload ? frame(Op::payload_monitor_p_exit, 4) : frame(Op::monitor_p_exit, 5);
  if (name.empty()) {
    down.own(target);
  } else {
    down.atom(name);
  }
  down.peer(watcher).peer_ref(ref);
  if (in_payload) down.payload();
  down.raw(reason);
  queue(down);
}

void Link::send_exit(LocalPid from, const PeerPid& to, std::string_view reason) {
  if (!is_up_) return;
  bool in_payload = can(flag::exit_payload);
  auto exit = in_payload ? frame(Op::payload_exit, 3) : frame(Op::exit, 4);
  exit.own(from).peer(to);
  if (in_payload) exit.payload();
  exit.raw(reason);
  queue(exit);
}

void Link::announce_exit(LocalPid pid, std::string_view reason) {
  for (auto& [ref, entry] : monitors_.take(pid))
    send_monitor_exit(ref, entry.watcher, pid, entry.name, reason);
  auto first = links_.lower_bound({pid, PeerPid{}});
  auto last = first;
  for (; last != links_.end() && last->first == pid; ++last) send_exit(pid, last->second, reason);
  links_.erase(first, last);
}

void Link::end_job(Job& job, std::string_view reason) {
  if (job.is_kept_) {
    jobs_.erase(job.request_);
    core_->jobs.erase(job.pid_);
  }
  if (job.is_monitored_) send_monitor_exit(job.request_, job.caller_, job.pid_, {}, reason);
  if (job.is_linked_) send_exit(job.pid_, job.caller_, reason);
  if (job.is_kept_ && core_->take_watched(job.pid_)) core_->announce_exit(job.pid_, reason);
}

void Link::come_down(LinkError why) {
  auto self = shared_from_this();
  for (auto& [ref, pending] : pending_) pending->lost();
  for (auto* writer : std::exchange(writers_, {})) writer->cancel();
  auto jobs = std::exchange(jobs_, {});
  std::vector<std::shared_ptr<Job>> ended;
  for (auto& [ref, job] : jobs) ended.push_back(job->shared_from_this());
  for (auto& job : ended) job->cancel();
  monitors_.remove_all();
  auto noconnection = etf::atom("noconnection");
  while (!own_monitors_.empty())  // one by one: each may let another go
    own_monitors_.extract(own_monitors_.begin()).mapped().down(noconnection);
  for (auto& [local, remote] : std::exchange(links_, {})) {
    auto found = core_->processes.find(local);
    if (found == core_->processes.end()) continue;
    auto process = found->second;
    process->on_exit_signal({nullptr, pid(remote), noconnection, true});
  }
  core_->let_go(std::move(large_));
  in_ = std::string();
  out_ = std::string();
  written_ = 0;
  claim_.set(0);
  auto listeners = core_->listeners;
  for (auto* listener : listeners) listener->link_down(self, why);
}

}  // namespace muster::dist
