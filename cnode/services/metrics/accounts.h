#pragma once

#include <chrono>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/metrics/sample_reader.h"

namespace muster::metrics {

/// What our agents on a node say of themselves and have counted there: rows of the catalogue with a
/// `source`. It is kept until the node's next round of values, which takes it along, so that a node
/// has one round per interval whatever runs on it. What an agent has not said again for some
/// intervals is forgotten. Owned by the service; lives on the loop.
class Accounts {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `reader` must outlive it.
  explicit Accounts(SampleReader& reader);

  /// A message of the agent of this name: anything.
  void heard(const std::string& node, const std::string& agent, const etf::Term& message, Time now);
  void add_to(const std::string& node, Reading& reading, Time now);
  /// The node is not UP any more; totals stay.
  void node_down(const std::string& node);
  void forget(const std::string& node) { nodes_.erase(node); }

 private:
  struct Said {
    Time until;
    std::vector<store::Sample> samples;
  };
  struct Node {
    std::map<std::string, Said> said;              ///< by agent; "scan": of alarms
    std::map<std::string, std::uint64_t> dropped;  ///< events, by agent, since the daemon's start
  };
  void read_own(const std::string& agent, const etf::Map& message, std::uint64_t dropped,
                Reading& reading);
  void read_scan(const etf::Term& scan, Reading& reading);

  SampleReader& reader_;
  std::size_t lacking_ = 0, dropped_ = 0;                              ///< rows of the catalogue
  std::vector<std::pair<std::string, std::size_t>> events_, scanned_;  ///< key, row
  std::unordered_map<std::string, Node> nodes_;
};

}  // namespace muster::metrics
