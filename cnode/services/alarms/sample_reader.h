#pragma once

#include "services/alarms/rule_engine.h"

namespace muster::alarms {

/// Takes from what the agent `metrics` sent the values that rules look at, by the paths of
/// schemas/metrics.json ("dist.*.queue_size": `*` is a label; several are joined by "/"), and those
/// of libraries on the node ("folsom.requests", "exometer.web.hits"). Plain code; owned by Watch.
class SampleReader {
 public:
  /// Whether the catalogue has this metric, or its name is one of a library's.
  static bool is_metric(const std::string& name);

  /// What the engine's rules look at now: to be called after they have changed.
  void want(RuleEngine& engine);
  /// Whatever has another shape than agreed is left out.
  std::vector<Sample> read(const etf::Term& values) const;
  /// The same of the events that the agent `notifications` has counted (metrics `events.*`): what
  /// it does not name has not happened.
  std::vector<Sample> read_counts(const etf::Term& counts) const;
  /// What an agent says of itself with each message (metrics `agent.*`), labelled with its name.
  /// `dropped`: the events that it has let go so far.
  std::vector<Sample> read_account(const etf::Term& message, const std::string& agent,
                                   std::uint64_t dropped) const;
  /// How many events the agent has let go since its last message.
  static std::uint64_t dropped(const etf::Term& message);

 private:
  struct Path {
    std::uint32_t metric;
    std::vector<std::string> keys;
  };
  std::vector<Path> paths_, counted_, accounts_;
  std::optional<std::uint32_t> lacking_, dropped_;  ///< metrics that the daemon makes of messages
  std::unordered_map<std::string, std::uint32_t> of_libraries_;
};

}  // namespace muster::alarms
