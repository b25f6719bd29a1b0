#pragma once

#include <spdlog/spdlog.h>

/// The daemon's log: one line an event, never a secret, to stderr, where systemd, the sidecar or a
/// terminal reads it.
///     log::info("node {} is up", name);
namespace muster::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace muster::log
