#pragma once

#include "services/commands/types.h"
#include "store/cipher.h"
#include "store/database.h"

namespace muster::commands {

/// The tables `command_runs` and `command_results`: the record of who ran what. The newest runs are
/// kept, within Bounds; of answers those that are not too large, with what is left out a null.
/// Arguments and answers are sealed, for passwords are among them. Trimming looks at every
/// row, so it is done with the first run and then now and then: up to a hundred runs more, or a
/// sixteenth of the bytes, are there for a while.
class Runs {
 public:
  struct Bounds {
    std::size_t runs = 10'000;
    std::size_t bytes = 256u << 20;    ///< of all runs but the newest
    std::size_t of_a_run = 32u << 20;  ///< values
    std::size_t of_a_value = 64u << 10;
    std::size_t between_trims = 100;  ///< trimmed with each so many-th run
  };
  Runs(store::Database& database, const store::Cipher& cipher, Bounds bounds)
      : database_(database), cipher_(cipher), bounds_(bounds) {}

  /// Written down before anything is sent.
  Task<> begin(const RunView& run, std::string arguments);
  Task<> finish(const RunView& run);
  Task<RunView> get(std::string id);
  /// Newest first; `after` is the id of the last one seen.
  Task<ops::Page<RunSummary>> list(ops::PageRequest request);

 private:
  store::Database& database_;
  const store::Cipher& cipher_;
  const Bounds bounds_;
  // What came since all were trimmed. Of the jobs that write alone.
  std::size_t untrimmed_runs_ = bounds_.between_trims, untrimmed_bytes_ = 0;
};

}  // namespace muster::commands
