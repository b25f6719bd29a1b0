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
  if (series_.size() >= most_series) return 0;
  series_.push_back(series);
  auto id = static_cast<SeriesId>(series_.size());
  series_ids_.emplace(series, id);
  return id;
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
  if (id == 0 || id > most_series) return;
  if (series_.size() < id) series_.resize(id);
  series_[id - 1] = series;
  series_ids_[std::move(series)] = id;
  saved_series_ = static_cast<SeriesId>(series_.size());
}

void Dictionary::add_unsaved(store::Batch& batch) const {
  for (auto id = saved_nodes_ + 1; id <= nodes_.size(); ++id)
    batch.nodes.emplace_back(id, nodes_[id - 1]);
  for (auto id = saved_series_ + 1; id <= series_.size(); ++id)
    batch.series.emplace_back(id, series_[id - 1]);
}

void Dictionary::saved(const store::Batch& batch) {
  if (!batch.nodes.empty()) saved_nodes_ = std::max(saved_nodes_, batch.nodes.back().first);
  if (!batch.series.empty()) saved_series_ = std::max(saved_series_, batch.series.back().first);
}

}  // namespace muster::metrics
