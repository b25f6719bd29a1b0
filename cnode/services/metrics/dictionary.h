#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/metrics/metric_store.h"

namespace muster::metrics {

using store::NodeId;
using store::SeriesId;

/// `key="value",…`: how labels are kept, as Prometheus writes them.
std::string label_text(const std::vector<std::string>& keys,
                       const std::vector<std::string>& values);
void add_label(std::string& labels, std::string_view key, std::string_view value);
/// The same taken apart again.
std::map<std::string, std::string> parse_labels(std::string_view labels);

/// Which numbers stand for nodes and series. What is new has to be stored with the next batch, and
/// again until that has worked. At most 200,000 series and a million nodes. A series of which
/// nothing is kept any more makes room; its number is never given to another one. Lives on the
/// loop.
class Dictionary {
 public:
  static constexpr std::size_t most_series = 200'000, most_nodes = 1'000'000;
  static constexpr SeriesId most_numbers = 50'000'000;  ///< that are ever given

  Dictionary() = default;
  Dictionary(Dictionary&&) = default;
  Dictionary& operator=(Dictionary&&) = default;

  /// 0: there is no room for a new one.
  SeriesId series(const store::Series& series);
  NodeId node(const std::string& name);
  /// 0: it never sent anything.
  NodeId find_node(const std::string& name) const;
  /// One without a name, where the series has gone.
  const store::Series& series_of(SeriesId id) const;
  bool has(SeriesId id) const { return series_.contains(id); }
  SeriesId newest() const { return newest_; }
  const std::string& node_name(NodeId id) const { return nodes_[id - 1]; }
  std::size_t size() const { return series_.size(); }
  bool is_full() const { return series_.size() >= most_series; }
  /// All series of a metric.
  std::vector<SeriesId> of_metric(const std::string& name) const;

  /// There is a sample of it, of this day since the epoch. False: the series has gone.
  bool note_seen(SeriesId id, std::int64_t day);
  /// Makes room: of these, those that have not been seen since. Says which.
  std::vector<SeriesId> drop(const std::vector<store::Seen>& stale);

  /// As they are read at the start.
  void restore_node(NodeId id, std::string name);
  void restore_series(SeriesId id, store::Series series);
  void restore_seen(SeriesId id, std::int64_t day);
  /// Of series of which it is not known when they were seen.
  void note_unknown_days(std::int64_t day);
  /// Puts what is not stored yet into `batch`.
  void add_unsaved(store::Batch& batch) const;
  void saved(const store::Batch& batch);

 private:
  struct Known {
    const store::Series* series;  ///< in series_ids_
    std::int64_t day;
  };
  std::vector<std::string> nodes_;
  std::unordered_map<SeriesId, Known> series_;
  std::unordered_map<std::string, NodeId> node_ids_;
  std::map<store::Series, SeriesId> series_ids_;
  NodeId saved_nodes_ = 0;
  SeriesId newest_ = 0, saved_series_ = 0;
  std::vector<SeriesId> unsaved_days_;  ///< of these
};

}  // namespace muster::metrics
