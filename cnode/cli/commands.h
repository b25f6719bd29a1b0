#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>

namespace muster::cli {

/// Registers the subcommands that talk to a running daemon: ops, call, events, openapi.
/// `default_data_dir` is asked where a local daemon leaves its address and token; `exit_code` is
/// set by the one that runs (README.md has the list) and must outlive `app`.
void add_commands(CLI::App& app, int& exit_code, std::filesystem::path (*default_data_dir)());

}  // namespace muster::cli
