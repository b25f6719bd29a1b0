#pragma once

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

/// Prometheus' text format of many nodes, in pieces of about 64 KiB: first what is given as `own`
/// (the daemon's health), then one metric after the other with all nodes, as the format wants it.
/// `instance` is the node's name; names, labels and units are prometheus.erl's where the catalogue
/// has them. Nodes and dictionary must outlive it. Lives on the loop.
/// https://prometheus.io/docs/instrumenting/exposition_formats/
class Exposition final : public ops::BodySource {
 public:
  Exposition(const Dictionary& dictionary, std::vector<std::pair<std::string, LatestPtr>> nodes,
             std::string own);
  Task<std::string> next() override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  /// The next piece; empty at the end.
  std::string next_piece();

 private:
  struct Line {
    SeriesId series;
    std::string labels;  ///< without instance
    double scale;
  };
  struct Group {
    std::string name, type, help;
    std::vector<Line> lines;
  };
  void add(SeriesId id, const store::Series& series);

  std::vector<std::pair<std::string, LatestPtr>> nodes_;  ///< the name as a label's value
  std::map<std::string, Group> groups_;
  std::map<std::string, Group>::const_iterator group_;
  std::size_t node_ = 0;
  std::string own_;
};

}  // namespace muster::metrics
