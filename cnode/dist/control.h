#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "dist/wire_ids.h"

namespace muster::dist {

/// Control messages. https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#control-message
enum class Op : unsigned {
  link = 1,
  send = 2,
  exit = 3,
  unlink = 4,
  node_link = 5,
  reg_send = 6,
  group_leader = 7,
  exit2 = 8,
  send_tt = 12,
  exit_tt = 13,
  reg_send_tt = 16,
  exit2_tt = 18,
  monitor_p = 19,
  demonitor_p = 20,
  monitor_p_exit = 21,
  send_sender = 22,
  send_sender_tt = 23,
  payload_exit = 24,
  payload_exit_tt = 25,
  payload_exit2 = 26,
  payload_exit2_tt = 27,
  payload_monitor_p_exit = 28,
  spawn_request = 29,
  spawn_request_tt = 30,
  spawn_reply = 31,
  spawn_reply_tt = 32,
  alias_send = 33,
  alias_send_tt = 34,
  unlink_id = 35,
  unlink_id_ack = 36,
};

/// A pid as it stands in a frame.
struct WirePid {
  std::string_view node;
  std::uint32_t id = 0, serial = 0, creation = 0;
};

struct WireRef {
  std::string_view node;
  PeerRef number;
};

/// One control message, taken apart in place: views point into the frame, nothing is copied. Which
/// members have a meaning depends on `op`; a trace token, where the _tt form has one, is in `token`
/// and `op` is the plain form.
struct Control {
  Op op = Op::node_link;
  WirePid from, to;
  std::string_view name;  ///< addressed by name, or the reason of a failed spawn; else empty
  WireRef ref;
  std::string_view from_raw, target_raw, ref_raw;  ///< encoded, to be echoed
  std::string_view reason, token, group_leader;    ///< encoded
  std::uint64_t unlink_id = 0;
  std::uint32_t flags = 0;            ///< spawn_reply
  std::string_view module, function;  ///< spawn_request
  std::uint32_t arity = 0;
  bool wants_monitor = false, wants_link = false, has_unknown_option = false;
  std::string_view payload;  ///< encoded, without version byte, not checked; empty: none
};

/// Takes a frame (without its length) apart. Errors: bad_request: not what a node sends.
Result<Control> decode_control(std::string_view frame);

/// One encoded pid at the front of `bytes`, removed from them; false when there is none.
bool read_pid(std::string_view& bytes, WirePid& pid);
bool read_ref(std::string_view& bytes, WireRef& ref);
bool read_atom(std::string_view& bytes, std::string_view& name);

}  // namespace muster::dist
