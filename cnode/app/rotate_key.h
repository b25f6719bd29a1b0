#pragma once

#include <CLI/CLI.hpp>

namespace muster::app {

/// `muster rotate-key`: seals everything in a data directory with a new key, while no daemon works
/// there. Sets `exit_code` to 1 where it could not (the reason is on stderr).
void add_rotate_key(CLI::App& app, int& exit_code);

}  // namespace muster::app
