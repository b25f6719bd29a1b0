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

SeriesId Dictionary::series(const store::Series& series, From from, NodeId maker) {
  auto found = series_ids_.find(series);
  if (found != series_ids_.end()) return found->second;
  bool is_own = from == From::catalogue;
  if (newest_ >= (is_own ? most_numbers : most_numbers - reserved_numbers)) return 0;
  if (!is_own) {
    auto room = from == From::labels ? most_series : most_series - reserved;
    if (series_.size() >= room || is_over(maker)) return 0;
    ++made_[maker];
    families_.brought(maker);
  } else {
    maker = 0;
  }
  auto id = ++newest_;
  auto known = series_ids_.emplace(series, id).first;
  series_.emplace(id, Known{&known->first, 0, maker, false});
  if (maker != 0) unsaved_makers_.push_back(id);
  return id;
}

std::size_t Dictionary::made_by(NodeId node) const {
  auto made = made_.find(node);
  return made == made_.end() ? 0 : made->second;
}

std::vector<NodeId> Dictionary::makers() const {
  std::vector<NodeId> nodes;
  for (auto& [node, count] : made_) nodes.push_back(node);
  return nodes;
}

std::size_t Dictionary::quota() const {
  return std::max(most_of_node, room() / 4);
}

const store::Series& Dictionary::series_of(SeriesId id) const {
  static const store::Series gone;
  auto known = series_.find(id);
  return known == series_.end() ? gone : *known->second.series;
}

bool Dictionary::note_seen(SeriesId id, std::int64_t day, NodeId node) {
  auto at = series_.find(id);
  if (at == series_.end()) return false;
  auto& known = at->second;
  if (known.maker != 0 && known.maker != node && !known.is_shared) {
    known.is_shared = true;
    unsaved_makers_.push_back(id);
  }
  if (known.day >= day) return true;
  known.day = day;
  unsaved_days_.push_back(id);
  return true;
}

void Dictionary::erase(std::unordered_map<SeriesId, Known>::iterator known) {
  if (auto made = made_.find(known->second.maker); made != made_.end()) {
    families_.lost(made->first);
    if (--made->second == 0) made_.erase(made);
  }
  series_ids_.erase(series_ids_.find(*known->second.series));
  series_.erase(known);
}

void Dictionary::forget_unsaved_of_gone() {
  for (auto* ids : {&unsaved_days_, &unsaved_makers_})
    std::erase_if(*ids, [&](auto id) { return !has(id); });
}

std::vector<SeriesId> Dictionary::drop(const std::vector<store::Seen>& stale) {
  std::vector<SeriesId> dropped;
  for (auto& [id, day] : stale) {
    auto known = series_.find(id);
    if (known != series_.end()) {
      if (known->second.day > day) continue;
      erase(known);
    }
    dropped.push_back(id);
  }
  forget_unsaved_of_gone();
  return dropped;
}

std::vector<SeriesId> Dictionary::drop_of(NodeId node) {
  std::vector<SeriesId> dropped;
  if (node == 0 || !made_.contains(node)) return dropped;
  for (auto at = series_.begin(); at != series_.end();) {
    auto known = at++;
    if (known->second.maker != node) continue;
    // The newest one stays: after a restart it says how far numbers went.
    if (known->second.is_shared || known->first == newest_) {
      known->second.maker = 0;
      unsaved_makers_.push_back(known->first);
      continue;
    }
    known->second.maker = 0;  // made_ is settled below, for all of them
    dropped.push_back(known->first);
    erase(known);
  }
  families_.forget(node, made_by(node));
  made_.erase(node);
  forget_unsaved_of_gone();
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
  series_[id] = {&known->first};
  saved_series_ = newest_ = std::max(newest_, id);
}

void Dictionary::restore_seen(SeriesId id, std::int64_t day) {
  if (auto known = series_.find(id); known != series_.end()) known->second.day = day;
}

void Dictionary::restore_maker(SeriesId id, NodeId maker) {
  auto known = series_.find(id);
  if (known == series_.end() || maker == 0) return;
  known->second.maker = maker;
  ++made_[maker];
}

void Dictionary::note_unknown_days(std::int64_t day) {
  for (auto& [id, known] : series_)
    if (known.day == 0) note_seen(id, day, known.maker);
}

void Dictionary::add_unsaved(store::Batch& batch) const {
  for (auto id = saved_nodes_ + 1; id <= nodes_.size(); ++id)
    batch.nodes.emplace_back(id, nodes_[id - 1]);
  for (auto id = saved_series_ + 1; id <= newest_; ++id)
    if (has(id)) batch.series.emplace_back(id, series_of(id));
  for (auto id : unsaved_days_) batch.seen.emplace_back(id, series_.at(id).day);
  for (auto id : unsaved_makers_) {
    auto& known = series_.at(id);
    batch.makers.emplace_back(id, known.is_shared ? 0 : known.maker);
  }
}

void Dictionary::saved(const store::Batch& batch) {
  if (!batch.nodes.empty()) saved_nodes_ = std::max(saved_nodes_, batch.nodes.back().first);
  if (!batch.series.empty()) saved_series_ = std::max(saved_series_, batch.series.back().first);
  unsaved_days_.erase(unsaved_days_.begin(), unsaved_days_.begin() + std::ssize(batch.seen));
  unsaved_makers_.erase(unsaved_makers_.begin(),
                        unsaved_makers_.begin() + std::ssize(batch.makers));
}

}  // namespace muster::metrics
