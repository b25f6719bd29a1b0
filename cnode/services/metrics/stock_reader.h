#pragma once

#include <map>
#include <vector>

#include "mesh/stock_calls.h"

namespace muster::metrics {

/// The metrics that plain calls of stock modules answer, for nodes without our agent: those of the
/// catalogue whose call is cheap, cannot fail and needs nothing but kernel's own module erlang.
/// Plain data, no I/O.
class StockReader {
 public:
  StockReader();
  /// All calls in one round trip.
  mesh::StockCalls calls() const;
  /// What they answered, in order, as the agent `metrics` would have sent it.
  etf::Term sample(const etf::Term& answers) const;

 private:
  struct Wanted {
    std::size_t metric;
    std::vector<std::string> path;  ///< "#": length; a number: element; a word: key
  };
  struct Call {
    std::string function, argument;
    std::vector<Wanted> wanted;
  };
  std::vector<Call> calls_;
};

}  // namespace muster::metrics
