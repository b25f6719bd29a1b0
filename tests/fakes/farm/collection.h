#pragma once

#include <cstdint>
#include <string>

#include "etf/term.h"

namespace muster::farm {

/// What the agent `metrics` of a simulated node sends: a sample of a real agent, read from a file,
/// whose numbers move on and whose interval is the daemon's: by their place in the sample a third
/// of them stay, a third are counters, a third wander; what is 0 stays so. The same node and round
/// give the same values.
class Collection {
 public:
  /// The file has {Version, Sample} in the external format: of the application muster_agents, and
  /// the map as an agent sends it. Throws std::runtime_error for anything else.
  explicit Collection(const std::string& file);

  const std::string& version() const { return version_; }
  etf::Term sample(unsigned node, unsigned round, std::int64_t now_ms,
                   std::int64_t interval_ms) const;

 private:
  std::string version_;
  etf::Map sample_;
};

}  // namespace muster::farm
