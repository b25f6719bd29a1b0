#pragma once

#include "services/commands/types.h"
#include "store/database.h"

namespace muster::commands {

/// The tables `command_runs` and `command_results`: the record of who ran what. The newest 10,000
/// runs are kept, and of a value up to 64 KiB.
class Runs {
 public:
  explicit Runs(store::Database& database) : database_(database) {}

  /// Written down before anything is sent.
  Task<> begin(const RunView& run, std::string arguments);
  Task<> finish(const RunView& run);
  Task<RunView> get(std::string id);
  /// Newest first; `after` is the id of the last one seen.
  Task<ops::Page<RunSummary>> list(ops::PageRequest request);

 private:
  store::Database& database_;
};

}  // namespace muster::commands
