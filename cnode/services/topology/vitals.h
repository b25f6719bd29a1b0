#pragma once

#include <optional>

#include "etf/term.h"
#include "services/topology/types.h"

namespace muster::topology {

/// The few values of a sample of agent `metrics` that are shown beside a node's state; nothing
/// where they are left out, as when the agent backs off or sends live values. A sample may be
/// anything.
std::optional<Vitals> vitals_of(const etf::Term& sample, Timestamp now);

}  // namespace muster::topology
