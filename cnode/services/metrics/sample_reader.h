#pragma once

#include <map>
#include <memory>
#include <vector>

#include "etf/term.h"
#include "services/metrics/catalogue.h"
#include "services/metrics/dictionary.h"

namespace muster::metrics {

/// What an agent's message says, taken apart.
struct Reading {
  NodeId node = 0;           ///< whose message it is; 0: what the daemon counts itself
  std::int64_t node_at = 0;  ///< ms since the epoch, by the node's clock
  std::int64_t interval_ms = 0;
  std::vector<store::Sample> samples;
  std::size_t left_out = 0;  ///< beyond what one message may bring, or the dictionary has room for
  std::size_t refused = 0;   ///< of these, new series: there is no room for more of this node
};

/// Turns messages of the agent `metrics`, and what every agent says of itself, into samples, by the
/// paths of the catalogue. Whatever has another shape than agreed is left out. One walk over the
/// message, one look-up per value. Lives on the loop.
class SampleReader {
 public:
  static constexpr std::size_t most_samples = 5000;

  explicit SampleReader(Dictionary& dictionary);
  Reading read(const etf::Term& message, NodeId node);
  /// Series have gone from the dictionary.
  void forget_series();
  /// `agent` of a message: what the agent of this name took of the node.
  void read_account(const std::string& agent, const etf::Term& account, Reading& reading);
  /// One value of a row of the catalogue.
  void add(std::size_t metric, const std::vector<std::string>& labels, const etf::Term& value,
           Reading& reading);
  /// The keys of a sample that a metric is read from.
  static std::string key_of(const Metric& metric) { return metric.path.front(); }

 private:
  struct Step {
    std::map<std::string, std::unique_ptr<Step>, std::less<>> next;
    std::unique_ptr<Step> any;
    std::vector<std::size_t> metrics;  ///< that end here
  };
  void walk(const Step& step, const etf::Term& at, std::vector<std::string>& labels,
            Reading& reading);
  void add(const store::Series& series, const etf::Term& value, Reading& reading);
  void read_library(const etf::Term& item, Reading& reading);
  void keep(SeriesId id, const store::Number& number, Reading& reading);

  Dictionary& dictionary_;
  Step root_;
  std::vector<SeriesId> plain_;  ///< of metrics without labels, 0: not yet
  std::vector<std::unordered_map<std::string, SeriesId>> labelled_;
};

}  // namespace muster::metrics
