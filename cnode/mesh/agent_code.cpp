#include "mesh/agent_code.h"

#include <algorithm>
#include <charconv>

namespace muster::mesh {

std::vector<std::string_view> agent_names() {
  std::vector<std::string_view> names;
  for (auto& code : agent_codes())
    if (std::find(names.begin(), names.end(), code.agent) == names.end())
      names.push_back(code.agent);
  return names;
}

const AgentCode* agent_code(std::string_view agent, std::string_view otp_release) {
  int release = 0;
  std::from_chars(otp_release.data(), otp_release.data() + otp_release.size(), release);
  for (auto& code : agent_codes())
    if (code.agent == agent && code.otp_from <= release && release <= code.otp_to) return &code;
  return nullptr;
}

}  // namespace muster::mesh
