#pragma once

#include "services/alarms/passed_on.h"
#include "services/alarms/rule_engine.h"
#include "services/alarms/types.h"
#include "services/notifications/entry.h"

/// What is said of alarms: in words, with numbers and evidence.
namespace muster::alarms {

/// What a rule has found; its condition holds.
Report report_of(const Finding& finding);

/// What a node handed on; `rule` says what is missing in that, null: nothing does.
Report report_of(const Subject& node, const PassedOn& known, const Rule* rule,
                 const etf::Map& alarm, ops::json::value evidence);

/// That an alarm was raised, is worse, or is over, as a notification.
notifications::Entry entry_of(const AlarmEvent& event);

}  // namespace muster::alarms
