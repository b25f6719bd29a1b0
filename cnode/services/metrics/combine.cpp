#include "services/metrics/combine.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace muster::metrics {

double percentile_of(std::vector<double>& values, double percentile) {
  std::sort(values.begin(), values.end());
  auto place = percentile / 100 * static_cast<double>(values.size() - 1);
  auto below = static_cast<std::size_t>(place);
  if (below + 1 >= values.size()) return values.back();
  auto part = place - static_cast<double>(below);
  return values[below] + (values[below + 1] - values[below]) * part;
}

namespace {

double combined(std::vector<double>& values, Combine how, double percentile) {
  auto count = static_cast<double>(values.size());
  switch (how) {
    case Combine::mean:
      return std::accumulate(values.begin(), values.end(), 0.0) / count;
    case Combine::min:
      return *std::min_element(values.begin(), values.end());
    case Combine::max:
      return *std::max_element(values.begin(), values.end());
    case Combine::percentile:
      return percentile_of(values, percentile);
    default:
      return std::accumulate(values.begin(), values.end(), 0.0);
  }
}

}  // namespace

std::vector<store::MetricLine> combine(const std::vector<store::MetricLine>& lines, Combine how,
                                       double percentile) {
  std::map<store::SeriesId, std::map<std::int64_t, std::vector<double>>> values;
  for (auto& line : lines)
    for (auto& point : line.points) values[line.series][point.when.at].push_back(point.value.mean);
  std::vector<store::MetricLine> all;
  for (auto& [series, times] : values) {
    store::MetricLine line{0, series, {}};
    for (auto& [at, of_nodes] : times) {
      auto count = of_nodes.size();
      auto number = store::Number::of(combined(of_nodes, how, percentile));
      line.points.push_back({{at, at}, {count, number, number, number, number.real()}});
    }
    all.push_back(std::move(line));
  }
  return all;
}

}  // namespace muster::metrics
