#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ops/body.h"
#include "services/metrics/catalogue.h"
#include "services/metrics/dictionary.h"

namespace muster::metrics {

/// What a node sent last. Shared: an exposition that is under way keeps the one it began with.
struct Latest {
  store::Moment when;
  std::vector<store::Sample> samples;  ///< ascending by series
};
using LatestPtr = std::shared_ptr<const Latest>;

/// Which series are written under which names: those of the catalogue, and the older ones that some
/// have. Series come and go also while somebody is being told; groups stay. Owned by the service.
class ExpositionPlan {
 public:
  struct Line {
    SeriesId series;
    std::string labels;  ///< without instance
    double scale;
  };
  struct Group {
    std::string name, type, help;
    std::vector<Line> lines;  ///< ascending by series
  };
  /// Takes in what is new in the dictionary.
  void extend(const Dictionary& dictionary);
  /// Ascending.
  void remove(const std::vector<SeriesId>& gone);
  const std::deque<Group>& groups() const { return groups_; }
  /// The line of a series in this group, or null.
  const Line* find(std::size_t group, SeriesId series) const;

 private:
  void add(SeriesId id, const store::Series& series);
  std::uint32_t add(const std::string& name, std::string type, std::string help, Line line);

  std::deque<Group> groups_;
  std::map<std::string, std::size_t> by_name_;
  /// By series; equal where there is one name only, `none` where it has gone.
  static constexpr std::uint32_t none = 0xffffffff;
  std::vector<std::array<std::uint32_t, 2>> groups_of_;
};

/// Prometheus' text format of many nodes, in pieces of about 64 KiB, each of which takes a
/// millisecond or so: first what is given as `own` (the daemon's health), then one metric after the
/// other with all nodes, as the format wants it. `instance` is the node's name; names, labels and
/// units are prometheus.erl's where the catalogue has them. The plan must outlive it. Lives on the
/// loop. https://prometheus.io/docs/instrumenting/exposition_formats/
class Exposition final : public ops::BodySource {
 public:
  Exposition(const ExpositionPlan& plan, std::vector<std::pair<std::string, LatestPtr>> nodes,
             std::string own);
  Task<std::string> next() override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  /// The next piece; empty at the end.
  std::string next_piece();

 private:
  void write(const ExpositionPlan::Line& line, const store::Number& value, std::string& out);

  const ExpositionPlan& plan_;
  std::vector<std::pair<std::string, LatestPtr>> nodes_;  ///< the name as a label's value
  std::size_t group_ = 0, node_ = 0;
  bool has_head_ = false;
  std::string own_;
};

}  // namespace muster::metrics
