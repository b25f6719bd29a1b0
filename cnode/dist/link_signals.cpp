#include <bit>

#include "base/log.h"
#include "dist/flags.h"
#include "dist/link.h"
#include "dist/node_core.h"
#include "dist/pending.h"
#include "dist/spawn.h"
#include "etf/decode.h"

namespace muster::dist {
namespace {

constexpr char noproc[] = "\x77\x06noproc";

PeerPid number(const WirePid& pid) {
  return {pid.id, pid.serial, pid.creation};
}
LocalPid local(const WirePid& pid) {
  return {pid.id, pid.serial};
}

/// {io_reply, ReplyAs, Reply}: the answer of a group leader.
bool is_io_reply(std::string_view payload) {
  ByteReader in(payload);
  if (in.u8() != etf::tag::small_tuple || in.u8() != 3) return false;
  auto rest = in.rest();
  std::string_view word;
  return read_atom(rest, word) && word == "io_reply";
}

}  // namespace

bool Link::is_peers(const WirePid& pid) const {
  return pid.node == peer_;
}

bool Link::is_ours(const WirePid& pid) const {
  return pid.creation == core_->creation && pid.node == self_->name;
}

bool Link::is_ours(const WireRef& ref) const {
  return ref.number.creation == core_->creation && ref.number.length == 3 &&
         ref.node == self_->name;
}

void Link::handle(std::string_view bytes) {
  auto decoded = decode_control(bytes);
  if (!decoded) return fail(decoded.error());
  const auto& control = *decoded;
  switch (control.op) {
    case Op::send:
    case Op::send_sender:
      if (!is_ours(control.to)) return;
      if (local(control.to) == core_->caller) return handle_answer(control.payload);
      return deliver(local(control.to), control);
    case Op::reg_send: {
      auto named = core_->names.find(control.name);
      if (named != core_->names.end()) deliver(named->second, control);
      return;
    }
    case Op::spawn_request:
      return handle_spawn(control);
    case Op::monitor_p:
      return handle_monitor(control);
    case Op::demonitor_p:
      return handle_demonitor(control);
    case Op::spawn_reply:
    case Op::monitor_p_exit:
    case Op::payload_monitor_p_exit:
      return handle_monitor_exit(control);
    case Op::link:
    case Op::unlink:
    case Op::unlink_id:
      return handle_link(control);
    case Op::exit:
    case Op::payload_exit:
    case Op::exit2:
    case Op::payload_exit2:
      return handle_exit(control);
    default:
      return;  // group leaders, unlink acknowledgements, sends to aliases that we never make
  }
}

/// What a job ends with is the answer to who spawned it: over another link it is not there, unless
/// to an admin.
bool Link::may_see(LocalPid target) const {
  if (!core_->is_alive(target)) return false;
  auto job = core_->jobs.find(target);
  return job == core_->jobs.end() || job->second->link_.get() == this || role() == Role::admin;
}

void Link::count_forbidden() {
  ++forbidden_;
  ++core_->forbidden;
  core_->on_forbidden(peer_);
  // The first, and then ever more rarely.
  if (std::has_single_bit(forbidden_) && core_->refusals.admits(Liveness::Clock::now()))
    log::warn("{}: asks for what it may not, its role is none ({} times so far)", peer_,
              forbidden_);
}

void Link::deliver(LocalPid to, const Control& control) {
  Message message{*this, to, std::nullopt, control.payload, control.token};
  if (!control.from.node.empty() && is_peers(control.from)) message.from = number(control.from);
  if (auto found = core_->processes.find(to); found != core_->processes.end()) {
    auto process = found->second;
    if (!is_guest()) return process->on_message(message);
    if (!process->on_guest_message(message)) count_forbidden();
    return;
  }
  if (auto found = core_->jobs.find(to); found != core_->jobs.end()) {
    auto job = found->second->shared_from_this();
    if (is_guest() && !is_io_reply(control.payload)) return count_forbidden();
    if (job->messages_) job->messages_(message);
  }
}

void Link::handle_spawn(const Control& control) {
  if (!is_peers(control.from) || control.ref.node != peer_) return;
  std::string_view refused;
  if (control.has_unknown_option) refused = "badopt";
  if (!core_->spawn_handler) refused = "notsup";
  if (jobs_.size() >= most_entries()) refused = "system_limit";
  if (jobs_.contains(control.ref.number)) refused = "badopt";  // no node uses a reference twice
  auto pid = core_->fresh_pid();
  unsigned flags = (control.wants_link ? 1 : 0) | (control.wants_monitor ? 2 : 0);
  auto reply = frame(Op::spawn_reply, 5);
  reply.raw(control.ref_raw).raw(control.from_raw).small(refused.empty() ? flags : 0);
  if (refused.empty()) {
    reply.own(pid);
  } else {
    reply.atom(refused);
  }
  queue(reply);
  if (!refused.empty() || !is_up_) return;
  auto job =
      std::make_shared<Job>(shared_from_this(), pid, number(control.from), control.ref.number,
                            control.group_leader, control.wants_monitor, control.wants_link);
  SpawnRequest request{control.module, control.function, control.arity, control.payload};
  if (is_guest()) {
    count_forbidden();
    return core_->spawn_handler->refuse(std::move(job), request);
  }
  core_->spawn_handler->spawn(job, request);
  if (job->is_done() || job.use_count() == 1) return;
  job->is_kept_ = true;
  jobs_.emplace(control.ref.number, job.get());
  core_->jobs.emplace(pid, job.get());
}

void Link::handle_monitor(const Control& control) {
  if (!is_peers(control.from) || control.ref.node != peer_) return;
  auto watcher = number(control.from);
  LocalPid target;
  if (control.name.empty()) {
    if (is_ours(control.to) && may_see(local(control.to))) target = local(control.to);
  } else if (auto named = core_->names.find(control.name); named != core_->names.end()) {
    target = named->second;
  }
  if (!target) {
    auto down = can(flag::exit_payload) ? frame(Op::payload_monitor_p_exit, 4)
                                        : frame(Op::monitor_p_exit, 5);
    down.raw(control.target_raw).raw(control.from_raw).raw(control.ref_raw);
    if (can(flag::exit_payload)) down.payload();
    down.raw(noproc);
    return queue(down);
  }
  if (monitors_.size() >= most_entries()) return fail(Error(Errc::too_large, "too many monitors"));
  if (core_->jobs.count(target)) core_->watched(target);
  monitors_.add(control.ref.number, {target, watcher, std::string(control.name), {}});
}

void Link::handle_demonitor(const Control& control) {
  if (monitors_.remove(control.ref.number)) return;
  auto found = jobs_.find(control.ref.number);
  if (found == jobs_.end()) return;
  auto job = found->second->shared_from_this();
  job->is_monitored_ = false;
  if (!job->is_linked_) job->cancel();  // else it ends with its caller, or by exit/2
}

void Link::handle_link(const Control& control) {
  if (!is_peers(control.from)) return;
  auto remote = number(control.from);
  auto target = is_ours(control.to) ? local(control.to) : LocalPid{};
  if (control.op == Op::link) {
    if (!may_see(target)) {
      auto exit = can(flag::exit_payload) ? frame(Op::payload_exit, 3) : frame(Op::exit, 4);
      exit.raw(control.target_raw).raw(control.from_raw);
      if (can(flag::exit_payload)) exit.payload();
      exit.raw(noproc);
      return queue(exit);
    }
    if (links_.size() >= most_entries()) return fail(Error(Errc::too_large, "too many links"));
    links_.emplace(target, remote);
    if (core_->jobs.count(target)) core_->watched(target);
    return;
  }
  if (control.op == Op::unlink_id) {  // to be acknowledged before anything else goes to that pid
    auto acknowledgement = frame(Op::unlink_id_ack, 4);
    acknowledgement.big(control.unlink_id).raw(control.target_raw).raw(control.from_raw);
    queue(acknowledgement);
  }
  links_.erase({target, remote});
  if (auto found = core_->jobs.find(target); found != core_->jobs.end() &&
                                             found->second->link_.get() == this &&
                                             found->second->caller_ == remote)
    found->second->is_linked_ = false;
}

void Link::handle_exit(const Control& control) {
  if (!is_ours(control.to) || !is_peers(control.from)) return;
  bool is_linked = control.op == Op::exit || control.op == Op::payload_exit;
  auto target = local(control.to);
  auto remote = number(control.from);
  bool was_linked = is_linked && links_.erase({target, remote}) > 0;
  if (!may_see(target)) return;
  if (auto found = core_->jobs.find(target); found != core_->jobs.end()) {
    auto job = found->second->shared_from_this();
    // exit/2, or the death of the process that spawn_link'ed it.
    if (!is_linked || was_linked || (job->is_linked_ && job->caller_ == remote)) job->cancel();
    return;
  }
  if (is_linked && !was_linked) return;  // unlinked meanwhile
  if (is_guest()) return;
  auto found = core_->processes.find(target);
  if (found == core_->processes.end()) return;
  auto process = found->second;
  auto reason = etf::decode(control.reason);
  if (!reason) return fail(reason.error());
  process->on_exit_signal({this, pid(remote), *std::move(reason), is_linked});
}

void Link::handle_monitor_exit(const Control& control) {
  if (!is_ours(control.ref)) return;
  auto ref = own_ref(control.ref.number);
  if (auto found = pending_.find(ref); found != pending_.end()) {
    auto& pending = *found->second;
    if (control.op != Op::spawn_reply) return pending.ended(control.reason);
    if (!control.name.empty()) return pending.refused(std::string(control.name));
    pending.spawned = number(control.from);
    return;
  }
  if (control.op == Op::spawn_reply) {  // of a call that was given up before the peer answered
    if (control.name.empty()) exit(pid(number(control.from)), etf::atom("kill"));
    return;
  }
  auto found = own_monitors_.find(ref);
  if (found == own_monitors_.end()) return;
  auto reason = etf::decode(control.reason, {64, 10'000});
  bool is_too_large = !reason && reason.error().code == Errc::too_large;
  if (!reason && !is_too_large) return fail(reason.error());
  auto down = std::move(found->second.down);
  own_monitors_.erase(found);
  down(is_too_large ? etf::atom("too_large") : *reason);
}

/// {Ref, Reply}, the answer to a gen_server call of ours.
void Link::handle_answer(std::string_view payload) {
  if (auto* pending = answered_by(payload)) pending->answered(payload);
}

/// Whose answer begins like this; it is then at the reply.
Link::Pending* Link::answered_by(std::string_view& payload) {
  ByteReader in(payload);
  if (in.u8() != etf::tag::small_tuple || in.u8() != 2) return nullptr;
  payload = in.rest();
  WireRef ref;
  if (!read_ref(payload, ref) || !is_ours(ref)) return nullptr;
  auto found = pending_.find(own_ref(ref.number));
  return found == pending_.end() ? nullptr : found->second;
}

/// A frame that is longer than this peer may send: the call that it answers is told.
void Link::refuse_frame(std::string_view beginning, std::uint32_t size) {
  if (core_->rubbish.admits(Liveness::Clock::now()))
    log::warn("{}: a message of {} bytes is left out: with a cookie of its own it may send {}",
              peer_, size, most_frame());
  auto control = decode_control(beginning);
  if (!control) return;
  Pending* pending = nullptr;
  if (control->op == Op::payload_monitor_p_exit && is_ours(control->ref)) {
    auto found = pending_.find(own_ref(control->ref.number));
    if (found != pending_.end()) pending = found->second;
  } else if ((control->op == Op::send || control->op == Op::send_sender) && is_ours(control->to) &&
             local(control->to) == core_->caller) {
    pending = answered_by(control->payload);
  }
  if (pending) pending->left_out(size, most_frame());
}

}  // namespace muster::dist
