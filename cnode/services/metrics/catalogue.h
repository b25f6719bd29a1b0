#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::metrics {

/// A row of schemas/metrics.json.
struct Metric {
  std::string name, kind, unit, doc;
  std::optional<std::string> wombat;
  std::vector<std::string> labels;  ///< one per * of its path
  std::vector<std::string> path;    ///< into a sample's values
  std::string cost;                 ///< cheap, normal, slow
  std::string stock, stock_path;    ///< the call that answers it without an agent; may be empty
  bool has_needs = false;           ///< something must be there that is not on every node
  std::string source;               ///< empty: those values; else schemas/README.md
  struct Prometheus {
    std::string name, type;
    std::map<std::string, std::string> labels;  ///< constant ones
    double scale = 1;
    std::string compat;  ///< what it was called before, or empty
  } prometheus;
};

std::string_view catalogue_json();

/// The catalogue, parsed once.
const std::vector<Metric>& catalogue();
/// Null where there is no such name.
const Metric* find_metric(std::string_view name);

}  // namespace muster::metrics
