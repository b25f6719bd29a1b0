#pragma once

#include <optional>

#include "dist/config.h"

namespace muster::dist {

/// With which cookie both ends of a link have proved themselves. What a peer may do here follows
/// from it: see role_for().
struct Proof {
  enum class Of { own, home, peer };
  Of of = Of::own;
  Secret cookie;

  friend bool operator==(const Proof& a, const Proof& b) {
    return a.of == b.of && a.cookie == b.cookie;
  }
};

/// The cookie for a peer with these settings. A stranger, who has none, has to know our own: any
/// other cookie counts under the names that it was given for, and under no other.
Proof proof_for(const NodeConfig& config, const std::optional<PeerSettings>& settings);

/// What a peer with these settings may do: with our own cookie everything, with the home cookie
/// what the configuration says, with one of its own what its settings say.
Role role_for(const NodeConfig& config, const PeerSettings& settings);

}  // namespace muster::dist
