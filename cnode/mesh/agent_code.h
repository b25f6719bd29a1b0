#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace muster::mesh {

/// One beam of an agent, built into the program from erlang/apps/muster_agents. The module's name
/// carries a hash of its source, so that agents of two daemons of different versions do not meet.
struct AgentCode {
  std::string_view agent;   ///< "metrics"
  std::string_view module;  ///< "muster_agent_metrics_1f2e3d4c"
  int otp_from, otp_to;     ///< releases that load this beam
  std::string_view beam;
};

/// All that are built in, in the order in which they are loaded; of each agent one per range of OTP
/// releases.
std::span<const AgentCode> agent_codes();

/// The version of the OTP application muster_agents that they are made from.
std::string_view agents_version();

/// The names of all agents, in the order in which they are loaded.
std::vector<std::string_view> agent_names();

/// The beam of `agent` for a node of this release ("25"); null where there is none.
const AgentCode* agent_code(std::string_view agent, std::string_view otp_release);

}  // namespace muster::mesh
