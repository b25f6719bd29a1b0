#pragma once

#include "app/config.h"
#include "app/cookies.h"
#include "app/identity.h"
#include "dist/config.h"

namespace muster::app {

/// The distribution's part of the configuration. It listens on the addresses of the daemon's own
/// host parts, or on the one that is configured; ERL_EPMD_PORT is honoured as every node does.
/// Errors: bad_request for an address that is none, a port that is none, TLS files given in part.
Result<dist::NodeConfig> node_config(const Config& config, const Identity& identity,
                                     Cookies cookies);

}  // namespace muster::app
