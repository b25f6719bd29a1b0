#include "services/metrics/dictionary.h"

#include <algorithm>

namespace muster::metrics {

void add_label(std::string& labels, std::string_view key, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels += key;
  labels += "=\"";
  for (char c : value) {
    if (c == '\n') {
      labels += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') labels += '\\';
    labels += c;
  }
  labels += '"';
}

std::string label_text(const std::vector<std::string>& keys,
                       const std::vector<std::string>& values) {
  std::string labels;
  for (std::size_t i = 0; i < keys.size() && i < values.size(); ++i)
    add_label(labels, keys[i], values[i]);
  return labels;
}

std::map<std::string, std::string> parse_labels(std::string_view labels) {
  std::map<std::string, std::string> parsed;
  while (!labels.empty()) {
    auto equals = labels.find("=\"");
    if (equals == labels.npos) break;
    auto& value = parsed[std::string(labels.substr(0, equals))];
    auto at = equals + 2;
    for (; at < labels.size() && labels[at] != '"'; ++at) {
      if (labels[at] == '\\' && at + 1 < labels.size())
        value += labels[++at] == 'n' ? '\n' : labels[at];
      else
        value += labels[at];
    }
    labels.remove_prefix(std::min(at + 2, labels.size()));
  }
  return parsed;
}

SeriesId Dictionary::series(const store::Series& series) {
  auto found = series_ids_.find(series);
  if (found != series_ids_.end()) return found->second;
  if (is_full() || newest_ >= most_numbers) return 0;
  auto id = ++newest_;
  auto known = series_ids_.emplace(series, id).first;
  series_.emplace(id, Known{&known->first, 0});
  return id;
}

const store::Series& Dictionary::series_of(SeriesId id) const {
  static const store::Series gone;
  auto known = series_.find(id);
  return known == series_.end() ? gone : *known->second.series;
}

bool Dictionary::note_seen(SeriesId id, std::int64_t day) {
  auto known = series_.find(id);
  if (known == series_.end()) return false;
  if (known->second.day >= day) return true;
  known->second.day = day;
  unsaved_days_.push_back(id);
  return true;
}

std::vector<SeriesId> Dictionary::drop(const std::vector<store::Seen>& stale) {
  std::vector<SeriesId> dropped;
  for (auto& [id, day] : stale) {
    auto known = series_.find(id);
    if (known != series_.end()) {
      if (known->second.day > day) continue;
      series_ids_.erase(series_ids_.find(*known->second.series));
      series_.erase(known);
    }
    dropped.push_back(id);
  }
  std::erase_if(unsaved_days_, [&](auto id) { return !has(id); });
  return dropped;
}

NodeId Dictionary::node(const std::string& name) {
  auto found = node_ids_.find(name);
  if (found != node_ids_.end()) return found->second;
  if (nodes_.size() >= most_nodes) return 0;
  nodes_.push_back(name);
  auto id = static_cast<NodeId>(nodes_.size());
  node_ids_.emplace(name, id);
  return id;
}

NodeId Dictionary::find_node(const std::string& name) const {
  auto found = node_ids_.find(name);
  return found == node_ids_.end() ? 0 : found->second;
}

std::vector<SeriesId> Dictionary::of_metric(const std::string& name) const {
  std::vector<SeriesId> ids;
  for (auto at = series_ids_.lower_bound({name, {}, {}, {}});
       at != series_ids_.end() && at->first.name == name; ++at)
    ids.push_back(at->second);
  return ids;
}

void Dictionary::restore_node(NodeId id, std::string name) {
  if (id == 0 || id > most_nodes) return;
  if (nodes_.size() < id) nodes_.resize(id);
  nodes_[id - 1] = name;
  node_ids_[std::move(name)] = id;
  saved_nodes_ = static_cast<NodeId>(nodes_.size());
}

void Dictionary::restore_series(SeriesId id, store::Series series) {
  if (id == 0 || id > most_numbers) return;
  auto known = series_ids_.insert_or_assign(std::move(series), id).first;
  series_[id] = {&known->first, 0};
  saved_series_ = newest_ = std::max(newest_, id);
}

void Dictionary::restore_seen(SeriesId id, std::int64_t day) {
  if (auto known = series_.find(id); known != series_.end()) known->second.day = day;
}

void Dictionary::note_unknown_days(std::int64_t day) {
  for (auto& [id, known] : series_)
    if (known.day == 0) note_seen(id, day);
}

void Dictionary::add_unsaved(store::Batch& batch) const {
  for (auto id = saved_nodes_ + 1; id <= nodes_.size(); ++id)
    batch.nodes.emplace_back(id, nodes_[id - 1]);
  for (auto id = saved_series_ + 1; id <= newest_; ++id)
    batch.series.emplace_back(id, series_of(id));
  for (auto id : unsaved_days_) batch.seen.emplace_back(id, series_.at(id).day);
}

void Dictionary::saved(const store::Batch& batch) {
  if (!batch.nodes.empty()) saved_nodes_ = std::max(saved_nodes_, batch.nodes.back().first);
  if (!batch.series.empty()) saved_series_ = std::max(saved_series_, batch.series.back().first);
  unsaved_days_.erase(unsaved_days_.begin(), unsaved_days_.begin() + std::ssize(batch.seen));
}

}  // namespace muster::metrics
