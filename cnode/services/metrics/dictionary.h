#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/metrics/family_shares.h"
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
///
/// All nodes share the series, so nobody may fill them with names of his own. A series counts for
/// the node that brought it, as its maker: at most 2,000 of them, or a quarter of what is free
/// where that is more. A tenth is reserved for the catalogue's metrics with labels; those without,
/// which are a few hundred whatever nodes say, are always admitted. Of a node that goes, the series
/// that nobody else has sent go too. Deployed nodes of one family have a share together
/// (FamilyShares).
class Dictionary {
 public:
  static constexpr std::size_t most_series = 200'000, most_nodes = 1'000'000;
  static constexpr std::size_t most_of_node = 2000, reserved = most_series / 10;
  /// Numbers that are ever given; the last ones to the catalogue only.
  static constexpr SeriesId most_numbers = 50'000'000, reserved_numbers = 1'000'000;

  Dictionary() = default;
  Dictionary(Dictionary&&) = default;
  Dictionary& operator=(Dictionary&&) = default;

  enum class From {
    catalogue,  ///< one of its rows without labels, or what the daemon itself counts
    labels,     ///< one of its rows, with labels that a node made up
    node,       ///< a metric that a node made up
  };
  /// 0: there is no room for a new one, or not for another of this maker.
  SeriesId series(const store::Series& series, From from = From::catalogue, NodeId maker = 0);
  /// How many it brought, and how many it may have now.
  std::size_t made_by(NodeId node) const;
  std::size_t quota() const;
  /// It was deployed here, of this family. Counts from now on.
  void belongs(NodeId node, const std::string& family) {
    families_.belongs(node, family, made_by(node));
  }
  void begin(std::int64_t day) { families_.begin(day); }
  /// It, or all of its family together, brought as many as they may.
  bool is_over(NodeId node) const {
    return made_by(node) >= quota() || !families_.admits(node, room());
  }
  std::vector<NodeId> makers() const;
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

  /// There is a sample of it from this node, of this day since the epoch. False: the series has
  /// gone.
  bool note_seen(SeriesId id, std::int64_t day, NodeId node);
  /// Makes room: of these, those that have not been seen since. Says which.
  std::vector<SeriesId> drop(const std::vector<store::Seen>& stale);
  /// The node has gone: so do the series that it brought and nobody else has sent. Says which.
  std::vector<SeriesId> drop_of(NodeId node);

  /// As they are read at the start.
  void restore_node(NodeId id, std::string name);
  void restore_series(SeriesId id, store::Series series);
  void restore_seen(SeriesId id, std::int64_t day);
  void restore_maker(SeriesId id, NodeId maker);
  /// Of series of which it is not known when they were seen.
  void note_unknown_days(std::int64_t day);
  /// Puts what is not stored yet into `batch`.
  void add_unsaved(store::Batch& batch) const;
  void saved(const store::Batch& batch);

 private:
  struct Known {
    const store::Series* series;  ///< in series_ids_
    std::int64_t day = 0;
    NodeId maker = 0;        ///< whom it counts for
    bool is_shared = false;  ///< somebody else has sent it, too
  };
  std::size_t room() const { return most_series - std::min(most_series, series_.size()); }
  void erase(std::unordered_map<SeriesId, Known>::iterator known);
  void forget_unsaved_of_gone();
  std::vector<std::string> nodes_;
  std::unordered_map<SeriesId, Known> series_;
  std::unordered_map<std::string, NodeId> node_ids_;
  std::map<store::Series, SeriesId> series_ids_;
  NodeId saved_nodes_ = 0;
  SeriesId newest_ = 0, saved_series_ = 0;
  std::vector<SeriesId> unsaved_days_, unsaved_makers_;  ///< of these
  std::unordered_map<NodeId, std::size_t> made_;         ///< by maker
  FamilyShares families_;
};

}  // namespace muster::metrics
