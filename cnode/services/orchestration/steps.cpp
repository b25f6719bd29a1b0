#include "services/orchestration/steps.h"

#include <fmt/format.h>

namespace muster::orchestration {
namespace {

Step forward(Reached reached) {
  switch (reached) {
    case Reached::placed:
      return Step::upload;
    case Reached::uploaded:
      return Step::unpack;
    case Reached::unpacked:
      return Step::start;
    case Reached::started:
      return Step::answer;
    case Reached::answered:
      return Step::bootstrap;
    default:
      return Step::hand_over;
  }
}

}  // namespace

std::optional<Step> next_step(const Deployment& node) {
  if (node.status == StepStatus::failed) return std::nullopt;
  switch (node.goal) {
    case Goal::running:
      if (node.reached == Reached::handed_over) return std::nullopt;
      return forward(node.reached);
    case Goal::stopped:
      if (node.may_run) return Step::stop;
      if (node.reached < Reached::unpacked) return forward(node.reached);
      return std::nullopt;
    case Goal::restarted:
      if (node.may_run) return Step::stop;
      return forward(node.reached);
    case Goal::gone:
      return node.may_run ? Step::stop : Step::remove;
  }
  return std::nullopt;
}

bool is_untouched(const Deployment& node) {
  return !node.step && node.reached == Reached::placed && !node.may_run;
}

void begin(Deployment& node, Step step) {
  node.step = step;
  node.status = StepStatus::running;
  node.failure = {};
  if (step == Step::start) node.may_run = true;
}

void finish(Deployment& node, Step step) {
  node.status = StepStatus::done;
  switch (step) {
    case Step::upload:
      node.reached = Reached::uploaded;
      break;
    case Step::unpack:
      node.reached = Reached::unpacked;
      break;
    case Step::start:
      node.reached = Reached::started;
      break;
    case Step::answer:
      node.reached = Reached::answered;
      break;
    case Step::bootstrap:
      node.reached = Reached::bootstrapped;
      node.has_joined = true;
      break;
    case Step::hand_over:
      node.reached = Reached::handed_over;
      break;
    case Step::stop:
      node.may_run = false;
      if (node.reached > Reached::unpacked) node.reached = Reached::unpacked;
      if (node.goal == Goal::restarted) node.goal = Goal::running;
      break;
    case Step::remove:
      break;
  }
}

void fail(Deployment& node, Step step, Failure failure) {
  node.step = step;
  node.status = StepStatus::failed;
  node.failure = std::move(failure);
}

Result<> want(Deployment& node, Goal goal) {
  if (node.goal == Goal::gone && goal != Goal::gone)
    return Error(Errc::conflict, node.name + " is being deleted");
  if (goal == Goal::restarted && !node.may_run) goal = Goal::running;
  node.goal = goal;
  if (node.status == StepStatus::failed) {
    // A step forward that failed is done again from the start of the node: what is left of the
    // failed attempt may be half a node.
    if (node.reached > Reached::unpacked && goal == Goal::running) node.reached = Reached::unpacked;
    node.status = StepStatus::done;
    node.failure = {};
  }
  return {};
}

Result<> retry(Deployment& node) {
  if (node.status != StepStatus::failed)
    return Error(Errc::conflict, node.name + " has no failed step to retry");
  // A node that did not answer may be gone; the start looks before it starts another.
  if (node.step == Step::answer) start_again(node);
  node.status = StepStatus::done;
  node.failure = {};
  return {};
}

void start_again(Deployment& node) {
  if (node.reached > Reached::unpacked) node.reached = Reached::unpacked;
}

bool interrupts(const Deployment& node, Goal goal) {
  if (node.status != StepStatus::running || !node.step || goal == node.goal) return false;
  if (goal != Goal::stopped && goal != Goal::gone && goal != Goal::restarted) return false;
  return *node.step == Step::start || *node.step == Step::answer || *node.step == Step::bootstrap ||
         (goal == Goal::gone && *node.step == Step::upload);
}

}  // namespace muster::orchestration
