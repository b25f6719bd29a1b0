#pragma once

#include <string_view>

namespace muster::alarms {

/// schemas/alarms.json and schemas/metrics.json, as the build found them.
std::string_view alarms_json();
std::string_view metrics_json();

}  // namespace muster::alarms
