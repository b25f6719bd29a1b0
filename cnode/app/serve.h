#pragma once

#include <CLI/CLI.hpp>

namespace muster::app {

/// `muster serve`: adds the subcommand with its options; running it runs the daemon until SIGTERM
/// or SIGINT and sets `exit_code`: 0 after an orderly end, 1 where it could not start (the reason
/// is on stderr).
void add_serve(CLI::App& app, int& exit_code);

}  // namespace muster::app
