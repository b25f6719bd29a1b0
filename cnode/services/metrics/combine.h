#pragma once

#include <vector>

#include "services/metrics/types.h"
#include "store/metrics/metric_store.h"

namespace muster::metrics {

/// One line for each series out of those of all nodes: at each time what `how` says of the nodes'
/// means. `lines` are in steps of the same length.
std::vector<store::MetricLine> combine(const std::vector<store::MetricLine>& lines, Combine how,
                                       double percentile);

/// The value below which `percentile` percent of `values` are, between two of them in proportion.
double percentile_of(std::vector<double>& values, double percentile);

}  // namespace muster::metrics
