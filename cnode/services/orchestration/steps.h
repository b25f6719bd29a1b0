#pragma once

#include <optional>

#include "base/result.h"
#include "services/orchestration/deployment.h"

/// The step machine: from a node's row to what is done next, and back. Plain code; Engine carries
/// it out and writes the row before and after each step.
namespace muster::orchestration {

/// Nothing when the node is where it should be, or has failed. A step that was begun and not ended
/// (the daemon was killed) is simply the next one again: every step may be repeated.
std::optional<Step> next_step(const Deployment& node);

/// No step was ever begun: there is nothing of it on its host.
bool is_untouched(const Deployment& node);

void begin(Deployment& node, Step step);
void finish(Deployment& node, Step step);
void fail(Deployment& node, Step step, Failure failure);

/// What users ask for. Each clears an error, so that work goes on from where it stopped.
/// Errors: conflict, for a node that is being deleted, or a retry without an error.
Result<> want(Deployment& node, Goal goal);
Result<> retry(Deployment& node);

/// A node found DOWN is started again although it was handed over.
void start_again(Deployment& node);

/// Whether what it is doing now must not be waited for when the goal changes to this.
bool interrupts(const Deployment& node, Goal goal);

}  // namespace muster::orchestration
