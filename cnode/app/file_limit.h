#pragma once

#include <cstddef>
#include <string>

namespace muster::app {

/// Raises the process's soft limit on open files to its hard one. Each managed node is one
/// connection, so a limit that `expected_nodes` do not fit into is worth a warning at start: the
/// words for it, or nothing where all is well.
std::string raise_file_limit(std::size_t expected_nodes);

}  // namespace muster::app
