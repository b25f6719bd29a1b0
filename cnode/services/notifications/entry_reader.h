#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "etf/term.h"
#include "services/notifications/entry.h"

namespace muster::notifications {

/// What an agent's message holds, checked: #{entries => […], dropped => #{Source => N}}.
struct AgentMessage {
  std::vector<Entry> entries;                                  ///< without node and time of arrival
  std::vector<std::pair<std::string, std::uint64_t>> dropped;  ///< by the agent, by source
  std::uint64_t unreadable = 0;  ///< entries that are none, and those beyond the bound
};

/// Reads what a node sent, which may be anything: every field is checked and cut to its bound; what
/// has no text is no entry.
AgentMessage read_message(const etf::Term& message);

}  // namespace muster::notifications
