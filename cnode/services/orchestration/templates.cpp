#include "services/orchestration/templates.h"

namespace muster::orchestration {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t";
  auto from = text.find_first_not_of(blank);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(blank) - from + 1);
}

}  // namespace

std::map<std::string, Secret> template_values(const Deployment& node, const Family& family) {
  auto values = family.variables;
  values["node_name"] = Secret(node.name);
  values["node_id"] = Secret(node.id);
  values["node_host"] = Secret(node.node_host);
  values["cookie"] = node.cookie;
  if (family.dist_ports) {
    values["dist_port_min"] = Secret(std::to_string(family.dist_ports->min));
    values["dist_port_max"] = Secret(std::to_string(family.dist_ports->max));
  }
  return values;
}

std::string fill(std::string_view text, const std::map<std::string, Secret>& values) {
  std::string filled;
  std::size_t from = 0;
  while (true) {
    auto open = text.find("{{", from);
    if (open == text.npos) break;
    auto close = text.find("}}", open + 2);
    if (close == text.npos) break;
    auto name = trim(text.substr(open + 2, close - open - 2));
    auto value = values.find(std::string(name));
    if (value == values.end()) {
      // One brace on: in "{{{ x }}" the name begins at the second.
      filled += text.substr(from, open + 1 - from);
      from = open + 1;
      continue;
    }
    filled += text.substr(from, open - from);
    filled += value->second.reveal();
    from = close + 2;
  }
  filled += text.substr(from);
  return filled;
}

}  // namespace muster::orchestration
