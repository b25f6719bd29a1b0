#pragma once

#include <memory>

#include "base/budget.h"
#include "dist/link.h"

namespace muster::doors::dist {

/// What a call that runs holds on to: its link, and its part of what that may hold here. Lives in
/// the frame of the call's coroutine; the members' order lets the part go before the link, which
/// g++ 12 does not promise for two parameters of a coroutine.
class RunningCall {
 public:
  /// For a call with these arguments. Error: unavailable, where the daemon's memory for outsiders
  /// is spent.
  static Result<RunningCall> begin(muster::dist::Link& link, const etf::Term& arguments);

 private:
  explicit RunningCall(muster::dist::Link& link);

  std::shared_ptr<muster::dist::Link> link_;
  Budget::Claim claim_;
};

}  // namespace muster::doors::dist
