#pragma once

#include <map>

#include "services/alarms/rule.h"

/// What an operator's configuration changes of built-in rules.
namespace muster::alarms {

/// `[alarms.RULE]`: what is not given stays as schemas/alarms.json has it.
struct Tuning {
  std::optional<bool> enabled;
  std::vector<double> raise, clear;  ///< one for each level of the rule
  std::optional<std::uint32_t> hold, window, quiet;
};
using Tunings = std::map<std::string, Tuning>;  ///< by the rule's id

/// The built-in rules as they apply here, those that are not enabled as well. Errors: bad_request
/// naming "alarms.RULE.FIELD": no such rule, levels on the wrong side of each other, or a field
/// that this rule does not have.
Result<std::vector<Rule>> tuned_rules(const Tunings& tunings);

}  // namespace muster::alarms
