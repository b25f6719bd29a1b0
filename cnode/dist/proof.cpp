#include "dist/proof.h"

namespace muster::dist {

Proof proof_for(const NodeConfig& config, const std::optional<PeerSettings>& settings) {
  auto is_own = [&](const Secret& cookie) { return cookie == config.cookie; };
  if (settings && settings->cookie)
    return {is_own(*settings->cookie) ? Proof::Of::own : Proof::Of::peer, *settings->cookie};
  if (settings && config.home_cookie && !is_own(*config.home_cookie))
    return {Proof::Of::home, *config.home_cookie};
  return {Proof::Of::own, config.cookie};
}

Role role_for(const NodeConfig& config, const PeerSettings& settings) {
  switch (proof_for(config, settings).of) {
    case Proof::Of::own:
      return Role::admin;
    case Proof::Of::home:
      return config.home_role;
    case Proof::Of::peer:
      break;
  }
  return settings.role;
}

}  // namespace muster::dist
