#include "mesh/agent_code.h"
namespace muster::mesh {
std::span<const AgentCode> agent_codes() { return {}; }
}
