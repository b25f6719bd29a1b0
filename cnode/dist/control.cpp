#include "dist/control.h"

#include "dist/byte_reader.h"
#include "etf/check.h"
#include "etf/tags.h"

namespace muster::dist {
namespace {

namespace tag = etf::tag;
constexpr etf::Limits small_terms{64,
                                  10'000};  // reasons, tokens and options inside a control tuple

Error bad(const char* what) {
  return Error(Errc::bad_request, what);
}

/// The elements of a control tuple, one after the other; `failed` sticks.
class Elements {
 public:
  explicit Elements(std::string_view bytes) : rest_(bytes) {}

  bool header(std::size_t& arity) {
    ByteReader in(rest_);
    auto kind = in.u8();
    if (kind == tag::small_tuple) {
      arity = in.u8();
    } else if (kind == tag::large_tuple) {
      arity = in.u32();
    } else {
      return false;
    }
    rest_ = in.rest();
    return in.ok();
  }
  void pid(WirePid& out) { fail_unless(read_pid(rest_, out)); }
  void pid(WirePid& out, std::string_view& raw) {
    auto before = rest_;
    pid(out);
    raw = before.substr(0, before.size() - rest_.size());
  }
  void ref(WireRef& out, std::string_view& raw) {
    auto before = rest_;
    fail_unless(read_ref(rest_, out));
    raw = before.substr(0, before.size() - rest_.size());
  }
  void atom(std::string_view& out) { fail_unless(read_atom(rest_, out)); }
  /// A process by pid or by registered name.
  void target(Control& out) {
    auto before = rest_;
    if (!read_pid(rest_, out.to)) atom(out.name);
    out.target_raw = before.substr(0, before.size() - rest_.size());
  }
  void number(std::uint64_t& out) {
    ByteReader in(rest_);
    switch (in.u8()) {
      case tag::small_integer:
        out = in.u8();
        break;
      case tag::integer:
        out = in.u32();
        break;
      case tag::small_big: {
        auto length = in.u8();
        fail_unless(in.u8() == 0 && length <= 8);
        auto bytes = in.take(length);
        out = 0;
        for (std::size_t i = bytes.size(); i-- > 0;)
          out = out << 8 | static_cast<unsigned char>(bytes[i]);
        break;
      }
      default:
        fail_unless(false);
    }
    fail_unless(in.ok());
    rest_ = in.rest();
  }
  void term(std::string_view& out) {
    auto size = failed_ ? Result<std::size_t>(0u) : etf::check(rest_, small_terms);
    fail_unless(size.has_value());
    if (failed_) return;
    out = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
  }
  void skip() {
    std::string_view ignored;
    if (!rest_.empty() && static_cast<unsigned char>(rest_.front()) == tag::small_atom_utf8) {
      atom(ignored);
    } else {
      term(ignored);
    }
  }
  void fail_unless(bool condition) {
    if (!condition) failed_ = true;
  }
  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

/// [], or a list of options: `monitor`, `link`, and others that we do not know.
void spawn_options(std::string_view list, Control& out) {
  ByteReader in(list);
  auto kind = in.u8();
  if (kind == tag::nil) return;
  auto count = in.u32();
  auto rest = in.rest();
  if (kind != tag::list) count = 0, out.has_unknown_option = true;
  for (; count > 0; --count) {
    std::string_view option;
    if (!read_atom(rest, option)) {
      out.has_unknown_option = true;
      return;
    }
    if (option == "monitor") {
      out.wants_monitor = true;
    } else if (option == "link") {
      out.wants_link = true;
    } else {
      out.has_unknown_option = true;
    }
  }
}

void spawn_request(Elements& in, Control& out) {
  in.ref(out.ref, out.ref_raw);
  in.pid(out.from, out.from_raw);
  in.term(out.group_leader);
  std::size_t arity = 0;
  in.fail_unless(in.header(arity) && arity == 3);
  in.atom(out.module);
  in.atom(out.function);
  std::uint64_t arguments = 0;
  in.number(arguments);
  in.fail_unless(arguments <= 255);
  out.arity = static_cast<std::uint32_t>(arguments);
  std::string_view options;
  in.term(options);
  if (!in.failed()) spawn_options(options, out);
}

void spawn_reply(Elements& in, Control& out) {
  in.ref(out.ref, out.ref_raw);
  WirePid ours;
  in.pid(ours);
  std::uint64_t flags = 0;
  in.number(flags);
  out.flags = static_cast<std::uint32_t>(flags);
  in.target(out);
  out.from = out.to;  // the new process
  out.to = ours;
}

/// The elements behind the operation, as many as the plain form has.
void read_elements(Elements& in, Control& out) {
  switch (out.op) {
    case Op::link:
    case Op::unlink:
    case Op::group_leader:
    case Op::send_sender:
    case Op::payload_exit:
    case Op::payload_exit2:
    case Op::exit:
    case Op::exit2:
      in.pid(out.from, out.from_raw);
      in.pid(out.to, out.target_raw);
      return;
    case Op::send:
      in.skip();
      in.pid(out.to, out.target_raw);
      return;
    case Op::reg_send:
      in.pid(out.from, out.from_raw);
      in.skip();
      in.atom(out.name);
      return;
    case Op::monitor_p:
    case Op::demonitor_p:
      in.pid(out.from, out.from_raw);
      in.target(out);
      in.ref(out.ref, out.ref_raw);
      return;
    case Op::monitor_p_exit:
    case Op::payload_monitor_p_exit: {
      WirePid ours;
      in.target(out);
      in.pid(ours);
      in.ref(out.ref, out.ref_raw);
      out.from = out.to;
      out.to = ours;
      return;
    }
    case Op::spawn_request:
      return spawn_request(in, out);
    case Op::spawn_reply:
      return spawn_reply(in, out);
    case Op::alias_send:
      in.pid(out.from, out.from_raw);
      in.ref(out.ref, out.ref_raw);
      return;
    case Op::unlink_id:
    case Op::unlink_id_ack:
      in.number(out.unlink_id);
      in.pid(out.from, out.from_raw);
      in.pid(out.to, out.target_raw);
      return;
    case Op::node_link:
    case Op::send_tt:
    case Op::exit_tt:
    case Op::reg_send_tt:
    case Op::exit2_tt:
    case Op::send_sender_tt:
    case Op::payload_exit_tt:
    case Op::payload_exit2_tt:
    case Op::spawn_request_tt:
    case Op::spawn_reply_tt:
    case Op::alias_send_tt:
      return;
  }
}

struct Form {
  Op plain;
  std::size_t arity;  ///< the tuple's, operation included
  bool has_token, has_reason, has_payload;
};

/// What a wire number stands for; false: no operation that a peer may send us.
bool form_of(std::uint64_t number, Form& form) {
  switch (static_cast<Op>(number)) {
    case Op::link:
    case Op::unlink:
    case Op::group_leader:
      form = {static_cast<Op>(number), 3, false, false, false};
      return true;
    case Op::node_link:
      form = {Op::node_link, 1, false, false, false};
      return true;
    case Op::send:
      form = {Op::send, 3, false, false, true};
      return true;
    case Op::send_tt:
      form = {Op::send, 4, true, false, true};
      return true;
    case Op::exit:
    case Op::exit2:
      form = {static_cast<Op>(number), 4, false, true, false};
      return true;
    case Op::exit_tt:
      form = {Op::exit, 5, true, true, false};
      return true;
    case Op::exit2_tt:
      form = {Op::exit2, 5, true, true, false};
      return true;
    case Op::reg_send:
      form = {Op::reg_send, 4, false, false, true};
      return true;
    case Op::reg_send_tt:
      form = {Op::reg_send, 5, true, false, true};
      return true;
    case Op::monitor_p:
    case Op::demonitor_p:
      form = {static_cast<Op>(number), 4, false, false, false};
      return true;
    case Op::monitor_p_exit:
      form = {Op::monitor_p_exit, 5, false, true, false};
      return true;
    case Op::send_sender:
    case Op::payload_exit:
    case Op::payload_exit2:
    case Op::alias_send:
      form = {static_cast<Op>(number), 3, false, false, true};
      return true;
    case Op::send_sender_tt:
      form = {Op::send_sender, 4, true, false, true};
      return true;
    case Op::payload_exit_tt:
      form = {Op::payload_exit, 4, true, false, true};
      return true;
    case Op::payload_exit2_tt:
      form = {Op::payload_exit2, 4, true, false, true};
      return true;
    case Op::alias_send_tt:
      form = {Op::alias_send, 4, true, false, true};
      return true;
    case Op::payload_monitor_p_exit:
      form = {Op::payload_monitor_p_exit, 4, false, false, true};
      return true;
    case Op::spawn_request:
      form = {Op::spawn_request, 6, false, false, true};
      return true;
    case Op::spawn_request_tt:
      form = {Op::spawn_request, 7, true, false, true};
      return true;
    case Op::spawn_reply:
      form = {Op::spawn_reply, 5, false, false, false};
      return true;
    case Op::spawn_reply_tt:
      form = {Op::spawn_reply, 6, true, false, false};
      return true;
    case Op::unlink_id:
    case Op::unlink_id_ack:
      form = {static_cast<Op>(number), 4, false, false, false};
      return true;
  }
  return false;
}

}  // namespace

bool read_atom(std::string_view& bytes, std::string_view& name) {
  ByteReader in(bytes);
  std::size_t length = 0;
  switch (in.u8()) {
    case tag::small_atom_utf8:
    case tag::small_atom_latin1:
      length = in.u8();
      break;
    case tag::atom_utf8:
    case tag::atom_latin1:
      length = in.u16();
      break;
    default:
      return false;
  }
  name = in.take(length);
  bytes = in.rest();
  return in.ok();
}

bool read_pid(std::string_view& bytes, WirePid& pid) {
  if (bytes.empty()) return false;
  auto kind = static_cast<unsigned char>(bytes.front());
  if (kind != tag::new_pid && kind != tag::pid) return false;
  auto rest = bytes.substr(1);
  if (!read_atom(rest, pid.node)) return false;
  ByteReader in(rest);
  pid.id = in.u32();
  pid.serial = in.u32();
  pid.creation = kind == tag::new_pid ? in.u32() : in.u8();
  if (!in.ok()) return false;
  bytes = in.rest();
  return true;
}

bool read_ref(std::string_view& bytes, WireRef& ref) {
  ByteReader head(bytes);
  auto kind = head.u8();
  if (kind != tag::newer_reference && kind != tag::new_reference) return false;
  ref.number = {};
  ref.number.length = head.u16();
  auto rest = head.rest();
  if (ref.number.length < 1 || ref.number.length > 5 || !read_atom(rest, ref.node)) return false;
  ByteReader in(rest);
  ref.number.creation = kind == tag::newer_reference ? in.u32() : in.u8();
  for (std::uint32_t i = 0; i < ref.number.length; ++i) ref.number.words[i] = in.u32();
  if (!in.ok()) return false;
  bytes = in.rest();
  return true;
}

Result<Control> decode_control(std::string_view frame) {
  if (frame.size() < 2 || frame[0] != 112 || static_cast<unsigned char>(frame[1]) != tag::version)
    return bad("distribution: not a pass-through frame");
  Elements in(frame.substr(2));
  std::size_t arity = 0;
  std::uint64_t number = 0;
  if (!in.header(arity)) return bad("distribution: no control tuple");
  in.number(number);
  Form form{};
  if (in.failed() || !form_of(number, form) || arity != form.arity)
    return bad("distribution: an unknown control message");
  Control out;
  out.op = form.plain;
  read_elements(in, out);
  if (form.has_token) in.term(out.token);
  if (form.has_reason) in.term(out.reason);
  if (in.failed()) return bad("distribution: a malformed control message");
  out.payload = in.rest();
  if (form.has_payload != !out.payload.empty())
    return bad("distribution: a control message with the wrong kind of body");
  if (form.has_payload) {
    if (static_cast<unsigned char>(out.payload.front()) != tag::version)
      return bad("distribution: a message without its version byte");
    out.payload.remove_prefix(1);
    if (out.op == Op::payload_exit || out.op == Op::payload_exit2 ||
        out.op == Op::payload_monitor_p_exit)
      out.reason = out.payload;
  }
  return out;
}

}  // namespace muster::dist
