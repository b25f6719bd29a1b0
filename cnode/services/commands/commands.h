#pragma once

#include <set>

#include "base/budget.h"
#include "base/slots.h"
#include "base/turn.h"
#include "base/while_used.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/commands/runs.h"
#include "services/commands/types.h"
#include "services/topology/topology.h"

namespace muster::commands {

/// The service `commands`: M:F(A) on one node, several, or a family, at the same time (256 at
/// once), each with its own time limit; every run is recorded before it is sent. Arguments are
/// values, never code to evaluate. Made by app; lives on the loop. A run whose caller gives up is
/// cancelled on the nodes, and its record stays unfinished. What nodes have answered while others
/// are awaited is claimed from the budget for the caller; what does not fit is left out. A request
/// is copied and encoded for each node, so what is sent to many is not sent in one turn of the
/// loop.
class Commands {
 public:
  Commands(store::Database& database, const store::Cipher& cipher, topology::Topology& topology,
           mesh::NodeManager& manager, const Clock& clock, Budget* budget)
      : runs_(database, cipher, {}),
        topology_(topology),
        manager_(manager),
        clock_(clock),
        budget_(budget) {}

  std::vector<ops::Operation> operations();

 private:
  struct Order {
    std::string module, function;
    std::vector<etf::Term> arguments;
    std::set<std::string> atoms;  ///< to be known on the node before the call is sent
    std::chrono::milliseconds limit;
    std::string caller;
    std::size_t left = 0;  ///< nodes that it has not been sent to; the last takes the arguments
  };
  /// Nodes that are asked at once: callers have them in turn, and one never all of them. What may
  /// take longer than a minute keeps nobody waiting who is done sooner.
  struct Lane {
    Slots slots;
    std::size_t most_of_one;
    WhileUsed<std::string, Slots> shares{};
  };
  Task<RunView> run(RunCommand request, ops::Caller caller);
  Task<RunView> get_run(RunById request, ops::Caller caller);
  Task<ops::Page<RunSummary>> list_runs(ops::PageRequest request, ops::Caller caller);

  Result<std::vector<topology::NodeRow>> targets(const RunCommand& request) const;
  asio::awaitable<bool> run_on(topology::NodeRow node, Order& order, NodeResult& result,
                               Budget::Holder& holder, Lane& lane);
  Task<dist::CallOutcome> apply(dist::Link& link, Order& order);
  asio::awaitable<void> wait_for_turn();

  Runs runs_;
  topology::Topology& topology_;
  mesh::NodeManager& manager_;
  const Clock& clock_;
  Budget* budget_;
  Lane quick_{Slots(256), 192}, long_{Slots(128), 64};
  Slots senders_{1};  ///< who may look at turn_
  Turn turn_;         ///< of all that send
  Slots reading_{2};  ///< recorded runs
};

}  // namespace muster::commands
