#pragma once

#include "services/alarms/rule_engine.h"

namespace muster::alarms {

/// An alarm that a node handed on, as it is called here.
struct PassedOn {
  Source source = Source::sasl;
  std::string condition, instance;
  const Rule* rule = nullptr;  ///< the row that says its severity; null: indeterminate
};

/// {disk_almost_full, "/"} is disk_almost_full of "/", {mnesia, overload} is mnesia_overload, and
/// {elarm, Id, Src} what elarm calls Id of Src. Text is bounded, whatever the term.
PassedOn passed_on(const etf::Term& id, const RuleEngine& rules);

}  // namespace muster::alarms
