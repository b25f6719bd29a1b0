#include "app/rotate_key.h"

#include <fmt/format.h>

#include "app/config.h"
#include "app/data_dir.h"
#include "app/guard_process.h"
#include "services/access/audit_rows.h"
#include "store/key_file.h"

namespace muster::app {
namespace {

Result<std::size_t> rotate(const std::filesystem::path& folder) {
  TRY(auto data_dir, DataDir::open_existing(folder));
  auto record = [](store::Connection& db) {
    return access::put_offline(db, "daemon.rotate_key", SystemClock().now());
  };
  return store::rotate_key(data_dir.path(), record);
}

}  // namespace

void add_rotate_key(CLI::App& app, int& exit_code) {
  auto folder = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "rotate-key", "Seal all secrets of a data directory with a new key; the daemon is stopped");
  command->add_option("--data-dir", *folder, "The data directory (else $XDG_STATE_HOME/muster)");
  command->callback([folder, &exit_code] {
    guard_process();
    auto path = folder->empty() ? default_data_dir() : std::filesystem::path(*folder);
    if (auto rotated = rotate(path)) {
      fmt::print("{} secrets are sealed with the new key in {}\n", *rotated,
                 (path / "secret.key").string());
    } else {
      fmt::print(stderr, "muster: {}\n", rotated.error().text());
      exit_code = 1;
    }
  });
}

}  // namespace muster::app
