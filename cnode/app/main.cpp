#include <spdlog/sinks/stdout_color_sinks.h>

#include <CLI/CLI.hpp>

#include "app/config.h"
#include "app/log_lines.h"
#include "app/rotate_key.h"
#include "app/serve.h"
#include "base/log.h"
#include "cli/commands.h"

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("muster"));
  muster::app::write_printable_lines();
  CLI::App app("Muster: deploys, manages and monitors distributed Erlang systems", "muster");
  app.set_version_flag("--version", "muster " MUSTER_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  muster::app::add_serve(app, exit_code);
  muster::app::add_rotate_key(app, exit_code);
  muster::cli::add_commands(app, exit_code, &muster::app::default_data_dir);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {  // --help and --version are some, too
    constexpr int usage = 2;
    return app.exit(e) == 0 ? 0 : usage;
  }
  return exit_code;
}
