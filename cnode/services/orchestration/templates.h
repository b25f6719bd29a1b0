#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "services/orchestration/deployment.h"
#include "services/orchestration/rows.h"

namespace muster::orchestration {

/// What stands for {{ name }} in the template files of a node: node_name, node_id, node_host,
/// cookie, dist_port_min, dist_port_max (the last two where the family has ports), and the family's
/// variables, which cannot take these names.
std::map<std::string, Secret> template_values(const Deployment& node, const Family& family);

/// `text` with every {{ name }} that is known replaced; white space inside the braces does not
/// matter. What is unknown stays as it is: a release may have braces of its own. Values are put in
/// as they are and not looked at again.
std::string fill(std::string_view text, const std::map<std::string, Secret>& values);

}  // namespace muster::orchestration
