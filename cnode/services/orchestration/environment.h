#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/secret.h"
#include "services/orchestration/deployment.h"
#include "services/orchestration/rows.h"

namespace muster::orchestration {

/// The variables of every command that is run for a node.
struct Environment {
  std::map<std::string, std::string> plain;
  std::map<std::string, Secret> secret;
  std::vector<Secret> hidden;  ///< no variables, but not to be seen in an output
};

/// MUSTER_NODE_NAME, MUSTER_COOKIE, the names that Elixir's and relx's scripts read (RELEASE_NODE,
/// RELEASE_COOKIE, RELEASE_DISTRIBUTION, NODE_NAME, COOKIE), and the family's own, which cannot
/// take these names: they are who the node is. Hidden are the values of the family's `variables`.
Environment environment(const Deployment& node, const Family& family);

/// The same as the EnvironmentFile of a systemd unit (systemd.exec(5)).
std::string environment_file(const Environment& environment);

}  // namespace muster::orchestration
