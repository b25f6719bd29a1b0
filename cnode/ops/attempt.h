#pragma once

#include <functional>
#include <string>

#include "ops/caller.h"
#include "ops/type.h"

namespace muster::ops {

/// How a call ended: `refused` is the caller's fault, `failed` ours or another's, `cancelled` is
/// what went on without its caller.
enum class Outcome { ok, refused, failed, cancelled };
BOOST_DESCRIBE_ENUM(Outcome, ok, refused, failed, cancelled)

Outcome outcome_of(const Error& error);

/// Somebody changed something, or was not allowed to do something: what the audit keeps. Holds no
/// argument but names and ids.
struct Attempt {
  std::string operation;  ///< "topology.add_node"
  std::string caller, from;
  Role role = Role::none;
  std::string about;  ///< "id=shop1@10.0.0.7 role=viewer"
  Outcome outcome = Outcome::ok;
  std::string code = {};  ///< of the error
};

/// Hears of attempts; must not wait.
using Audit = std::function<void(Attempt)>;

/// What a request is about: its members that are known to be names, ids or words of ours, as far as
/// they are short and printable. Never a secret, never an argument of a command.
std::string about(const Struct* structure, const void* request);
/// The same of a request that was not taken, from what was given for its members.
std::string about(const Struct* structure, const Fields& given);

}  // namespace muster::ops
