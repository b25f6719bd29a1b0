#pragma once

#include "dist/node.h"
#include "doors/dist/calls.h"
#include "doors/dist/functions.h"

namespace muster::doors::dist {

/// Runs what peers spawn here: rpc:call, erpc:call, their casts, spawn and spawn_monitor of M:F(A).
/// Owned by Door; lives on the loop. A job that its caller gives up (timeout, death, lost link) is
/// done for the caller, and its operation ends as in Calls.
class Applier final : public muster::dist::SpawnHandler {
 public:
  Applier(const muster::dist::Node& node, const Functions& functions, Calls& calls)
      : node_(node), functions_(functions), calls_(calls) {}

  void spawn(std::shared_ptr<muster::dist::Job> job,
             const muster::dist::SpawnRequest& request) override;
  void refuse(std::shared_ptr<muster::dist::Job> job,
              const muster::dist::SpawnRequest& request) override;

 private:
  const muster::dist::Node& node_;
  const Functions& functions_;
  Calls& calls_;
};

/// [{M,F,Args,[]}], as a stack trace shows an undefined function; with its arity where the
/// arguments are long: they are not sent back.
etf::Term undefined_stack(Call call);

/// Who calls through this door, with the role of its link.
ops::Caller caller_on(const muster::dist::Link& link, const etf::Pid& pid);

/// {error, #{code => forbidden, …}}, the answer to whatever a guest calls.
etf::Term forbidden(const muster::dist::Link& link);

/// {io_request, From, ReplyAs, {put_chars, unicode, Text}} for a group leader.
/// https://www.erlang.org/doc/apps/stdlib/io_protocol.html
etf::Term put_chars(const etf::Pid& from, const std::string& text);

}  // namespace muster::doors::dist
