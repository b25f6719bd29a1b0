#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace muster::orchestration {

/// A machine that nodes can be put on.
struct Place {
  std::string provider_id, domain_id, machine, node_host, user;
  std::size_t load = 0;  ///< nodes that are there, or on their way
};

/// For each of `amount` nodes the place (an index) that has the fewest nodes by then; of equal ones
/// the first. `places` is not empty.
std::vector<std::size_t> place(std::size_t amount, const std::vector<Place>& places);

}  // namespace muster::orchestration
