#pragma once

#include "services/commands/types.h"
#include "store/database.h"

namespace muster::commands {

/// The tables `command_runs` and `command_results`: the record of who ran what. The newest runs are
/// kept, within Bounds; of answers those that are not too large, with what is left out a null.
class Runs {
 public:
  struct Bounds {
    std::size_t runs = 10'000;
    std::size_t bytes = 256u << 20;    ///< of all runs but the newest
    std::size_t of_a_run = 32u << 20;  ///< values
    std::size_t of_a_value = 64u << 10;
  };
  explicit Runs(store::Database& database, Bounds bounds) : database_(database), bounds_(bounds) {}

  /// Written down before anything is sent.
  Task<> begin(const RunView& run, std::string arguments);
  Task<> finish(const RunView& run);
  Task<RunView> get(std::string id);
  /// Newest first; `after` is the id of the last one seen.
  Task<ops::Page<RunSummary>> list(ops::PageRequest request);

 private:
  store::Database& database_;
  const Bounds bounds_;
};

}  // namespace muster::commands
