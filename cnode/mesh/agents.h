#pragma once

#include <memory>

#include "dist/node.h"
#include "mesh/node_spec.h"

namespace muster::mesh {

/// Loads our agents into nodes that come up and takes what they send.
class Agents {
 public:
  virtual ~Agents() = default;
  virtual void node_up(std::shared_ptr<dist::Link> link, const NodeSpec& spec) = 0;
};

}  // namespace muster::mesh
