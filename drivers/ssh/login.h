#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/resolver.h"
#include "drivers/hosts.h"
#include "drivers/ssh/host_keys.h"
#include "drivers/ssh/session.h"

namespace muster::drivers::ssh {

/// What we show a host.
struct Identity {
  std::filesystem::path key;  ///< a private key file; may be nothing
  std::string agent;          ///< where ssh-agent listens; may be nothing
};

/// Connects, agrees on keys (curve25519 first: it costs a sixth of what Debian 12 would choose),
/// checks the host's key and logs in. Errors say what to do: unavailable (worth another attempt),
/// timeout, forbidden (our key), conflict (the host's key).
Task<std::shared_ptr<Session>> log_in(SshTarget target, Identity identity, KnownHosts& known,
                                      Resolver& names);

}  // namespace muster::drivers::ssh
