#include "dist/gen.h"

#include <limits>

#include "dist/control.h"
#include "dist/flags.h"
#include "dist/frame_writer.h"
#include "dist/link.h"
#include "etf/check.h"
#include "etf/decode.h"
#include "etf/encode.h"

namespace muster::dist {
namespace {

/// The seq_trace token of the next message in a traced conversation: its serial goes on, and we are
/// the sender. https://www.erlang.org/doc/apps/kernel/seq_trace.html
std::string next_token(std::string_view token, const etf::Pid& self) {
  auto term = etf::decode(token);
  auto* tuple = term ? term->get_if<etf::Tuple>() : nullptr;
  if (!tuple || tuple->elements.size() != 5) return std::string(token);
  auto& e = tuple->elements;
  auto* serial = e[2].get_if<std::int64_t>();
  if (!serial || *serial == std::numeric_limits<std::int64_t>::max()) return std::string(token);
  auto seen = *serial;
  e[2] = seen + 1;
  e[3] = self;
  e[4] = seen;
  std::string out;
  etf::encode(*term, out);
  return out;
}

bool tuple_header(std::string_view& bytes, unsigned arity) {
  ByteReader in(bytes);
  if (in.u8() != etf::tag::small_tuple || in.u8() != arity) return false;
  bytes = in.rest();
  return true;
}

/// The tag and the request of a call as gen_server makes it, {'$gen_call', {Pid, Tag}, Request}.
std::optional<std::string_view> call_in(std::string_view message, PeerPid& from) {
  std::string_view word;
  WirePid pid;
  bool is_call = tuple_header(message, 3) && read_atom(message, word) && word == "$gen_call" &&
                 tuple_header(message, 2) && read_pid(message, pid);
  if (!is_call) return std::nullopt;
  from = {pid.id, pid.serial, pid.creation};
  return message;
}

/// A guest has nothing to say that takes more than a few milliseconds to take apart: what is larger
/// is left out.
std::optional<etf::Term> whole(Link& link, std::string_view bytes) {
  bool is_guest = link.role() == Role::none;
  auto term = etf::decode(bytes, is_guest ? etf::Limits{64, 100'000} : etf::Limits{});
  if (term) return *std::move(term);
  if (!is_guest || term.error().code != Errc::too_large) link.fail(term.error());
  return std::nullopt;
}

}  // namespace

std::string_view alias_in(std::string_view tag) {
  for (int nesting = 0; nesting < 2; ++nesting) {
    ByteReader in(tag);
    if (in.u8() != etf::tag::list || in.u32() != 1) return {};
    tag = in.rest();
    std::string_view word;
    auto rest = tag;
    if (!read_atom(rest, word)) continue;
    auto before = rest;
    WireRef ref;
    if (word != "alias" || !read_ref(rest, ref)) return {};
    return before.substr(0, before.size() - rest.size());
  }
  return {};
}

std::optional<etf::Term> Message::decode() const {
  return whole(link, payload);
}

/// A tag of most_kept at most, and the request after it. Nothing: the tag is longer, and nobody
/// could be answered; or it is rubbish, and the link is closed.
std::optional<Caller> Caller::read(const Message& message, const PeerPid& pid,
                                   std::string_view tag_and_request) {
  auto size = etf::check(tag_and_request);
  if (!size) {
    message.link.fail(size.error());
    return std::nullopt;
  }
  if (*size > most_kept) return std::nullopt;
  Caller caller;
  caller.link_ = message.link.shared_from_this();
  caller.self_ = message.to;
  caller.pid_ = pid;
  caller.tag_ = tag_and_request.substr(0, *size);
  if (message.token.size() <= most_kept) caller.token_ = message.token;
  return caller;
}

std::optional<Caller> Caller::of(const Message& message) {
  PeerPid pid;
  auto rest = call_in(message.payload, pid);
  return rest ? read(message, pid, *rest) : std::nullopt;
}

std::optional<GenMessage> GenMessage::read(const Message& message) {
  GenMessage out;
  PeerPid pid;
  if (auto call = call_in(message.payload, pid)) {
    auto caller = Caller::read(message, pid, *call);
    if (!caller) return std::nullopt;
    auto request = whole(message.link, call->substr(caller->tag_.size()));
    if (!request) return std::nullopt;
    out.kind = Kind::call;
    out.caller = *std::move(caller);
    out.body = *std::move(request);
    return out;
  }
  auto rest = message.payload;
  std::string_view word;
  bool is_cast = tuple_header(rest, 2) && read_atom(rest, word) && word == "$gen_cast";
  auto body = whole(message.link, is_cast ? rest : message.payload);
  if (!body) return std::nullopt;
  out.kind = is_cast ? Kind::cast : Kind::info;
  out.body = *std::move(body);
  return out;
}

etf::Pid Caller::pid() const {
  return link_->pid(pid_);
}

void Caller::on_given_up(std::function<void()> given_up) {
  if (!link_) return;
  auto monitor = alias_in(tag_);  // the alias is the monitor; before OTP 24 the whole tag is
  if (monitor.empty()) monitor = tag_;
  WireRef ref;
  if (read_ref(monitor, ref)) link_->monitors_.on_given_up(ref.number, std::move(given_up));
}

void Caller::reply(const etf::Term& value) {
  std::string encoded;
  etf::encode(value, encoded);
  reply_encoded(encoded);
}

void Caller::reply_encoded(std::string_view value) {
  if (!link_ || !link_->is_up()) return;
  auto& link = *link_;
  std::string token;
  if (!token_.empty()) token = next_token(token_, link.pid(self_));
  auto alias = alias_in(tag_);
  if (!alias.empty()) {
    auto frame = token.empty() ? link.frame(Op::alias_send, 3) : link.frame(Op::alias_send_tt, 4);
    frame.own(self_).raw(alias).raw(token).payload().tuple(2).raw(tag_).raw(value);
    link.queue(frame);
  } else {
    bool says_sender = link.can(flag::send_sender);
    auto op = says_sender ? (token.empty() ? Op::send_sender : Op::send_sender_tt)
                          : (token.empty() ? Op::send : Op::send_tt);
    auto frame = link.frame(op, token.empty() ? 3 : 4);
    if (says_sender) {
      frame.own(self_);
    } else {
      frame.atom("");
    }
    frame.peer(pid_).raw(token).payload().tuple(2).raw(tag_).raw(value);
    link.queue(frame);
  }
  link_.reset();
}

}  // namespace muster::dist
