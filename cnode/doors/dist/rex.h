#pragma once

#include "doors/dist/calls.h"
#include "doors/dist/functions.h"

namespace muster::doors::dist {

// clang-format off
/// The process that rpc used before OTP 23 and rpc:block_call, rpc:server_call and C nodes still
/// use:
///     gen_server:call(rex, {call | block_call, M, F, A, GroupLeader})   the value, or {badrpc, {'EXIT', Why}}
///     gen_server:cast(rex, {cast, M, F, A, GroupLeader})                nothing
///     rex ! {Pid, {call, M, F, A, GroupLeader}}                         {rex, Value}
///     rex ! {Pid, features_request}                                     {features_reply, Node, [erpc]}
// clang-format on
class Rex final : public muster::dist::Process {
 public:
  Rex(const Functions& functions, Calls& calls) : functions_(functions), calls_(calls) {}

  void on_message(const muster::dist::Message& message) override;
  bool on_guest_message(const muster::dist::Message& message) override;

 private:
  const Functions& functions_;
  Calls& calls_;
};

}  // namespace muster::doors::dist
