#pragma once

#include <optional>
#include <string>

#include "drivers/host.h"
#include "services/orchestration/deployment.h"

namespace muster::orchestration {

/// Why a step did not work this time.
struct Trouble {
  Failure failure;
  bool is_transient = false;  ///< the host could not be reached: another attempt may help
};
using StepResult = std::optional<Trouble>;  ///< nothing: it worked

/// What kept us from doing something on a host.
Trouble trouble_of(const Error& error, std::string_view doing);
/// A command that failed; `remedy` is for those that ended by themselves.
Trouble trouble_of(const drivers::CommandResult& result, std::string_view doing,
                   std::string remedy);

}  // namespace muster::orchestration
