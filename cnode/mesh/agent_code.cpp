#include "mesh/agent_code.h"

#include <charconv>

namespace muster::mesh {

const AgentCode* agent_code(std::string_view agent, std::string_view otp_release) {
  int release = 0;
  std::from_chars(otp_release.data(), otp_release.data() + otp_release.size(), release);
  for (auto& code : agent_codes())
    if (code.agent == agent && code.otp_from <= release && release <= code.otp_to) return &code;
  return nullptr;
}

}  // namespace muster::mesh
