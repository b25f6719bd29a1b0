#include <fmt/format.h>

#include <algorithm>

#include "store/metrics/metric_store.h"

namespace muster::store {

namespace {
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::size_t most_lines = 10'000'000;  ///< nodes times series
}  // namespace

/// Gathers the points of one query: as they are, or in steps.
class MetricStore::Answer {
 public:
  explicit Answer(const MetricQuery& query) : query_(query) {}

  void begin(NodeId node) {
    node_ = node;
    first_ = lines_.size();
    for (auto series : query_.series) lines_.push_back({node, series, {}});
  }
  /// Of that node: what it has nothing of goes, before the next.
  void end() {
    auto own = lines_.begin() + static_cast<std::ptrdiff_t>(first_);
    lines_.erase(std::remove_if(own, lines_.end(), [](auto& line) { return line.points.empty(); }),
                 lines_.end());
  }
  void add(SeriesId series, Moment when, const Summary& value) {
    auto at = std::lower_bound(query_.series.begin(), query_.series.end(), series);
    auto& points = lines_[first_ + static_cast<std::size_t>(at - query_.series.begin())].points;
    if (query_.step == 0) {
      ++count_;
      points.push_back({when, value});
      return;
    }
    auto begin = step_of(when.at, query_.step);
    if (points.empty() || points.back().when.at < begin) {
      if (value.min.is_nan()) return;
      ++count_;
      points.push_back({{begin, begin}, value});
      return;
    }
    auto found = std::lower_bound(points.begin(), points.end(), begin,
                                  [](auto& point, auto time) { return point.when.at < time; });
    if (found->when.at != begin) {
      if (value.min.is_nan()) return;
      ++count_;
      found = points.insert(found, Point{{begin, begin}, Summary{}});
    }
    found->value.add(value);
  }
  bool is_full() const { return count_ > query_.most_points; }
  std::vector<MetricLine> take() {
    auto before = [](auto& a, auto& b) { return a.when.at < b.when.at; };
    for (auto& line : lines_)
      if (!std::is_sorted(line.points.begin(), line.points.end(), before))
        std::stable_sort(line.points.begin(), line.points.end(), before);
    return std::move(lines_);
  }

 private:
  const MetricQuery& query_;
  NodeId node_ = 0;
  std::size_t first_ = 0, count_ = 0;
  std::vector<MetricLine> lines_;
};

std::optional<std::int64_t> MetricStore::oldest(std::size_t tier) {
  if (!oldest_[tier]) {
    auto found = table_.oldest_hour(grains_[tier]);
    // Where that cannot be read, what comes after it can.
    auto hour = found ? *found : std::optional<std::int64_t>(0);
    oldest_[tier] = hour ? *hour * hour_ms : std::numeric_limits<std::int64_t>::max();
  }
  if (*oldest_[tier] == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return oldest_[tier];
}

/// After the newest block of any node: nobody looks further, whatever the question's end.
std::int64_t MetricStore::end_of(std::size_t tier) {
  auto hour = table_.newest_hour(grains_[tier]);
  if (!hour) return std::numeric_limits<std::int64_t>::max();  // its page is damaged
  return *hour ? **hour * hour_ms + std::int64_t{settings_.schedule[tier].span().count()} * 1000
               : 0;
}

/// The coarsest tier that is fine enough answers; where it no longer reaches, finer ones, then
/// coarser ones do.
Result<std::vector<MetricLine>> MetricStore::query(const MetricQuery& given) {
  auto query = given;
  std::sort(query.series.begin(), query.series.end());
  query.series.erase(std::unique(query.series.begin(), query.series.end()), query.series.end());
  if (query.nodes.size() * query.series.size() > most_lines)
    return Error(Errc::too_large, fmt::format("{} series of {} nodes: ask for fewer of either",
                                              query.series.size(), query.nodes.size()));
  query.from = std::max<std::int64_t>(query.from, 0);
  query.to = std::min(query.to, BlockKey::hours * hour_ms);
  auto& schedule = settings_.schedule;
  std::size_t best = 0;
  for (std::size_t i = 1; i < schedule.size(); ++i) {
    auto step = std::int64_t{schedule[i].step.count()} * 1000;
    if (query.step >= step && query.step % step == 0) best = i;
  }
  std::vector<std::size_t> order;
  for (auto i = best + 1; i-- > 0;) order.push_back(i);
  for (auto i = best + 1; i < schedule.size(); ++i) order.push_back(i);

  struct Region {
    std::size_t tier;
    std::int64_t from, to;
  };
  BlockTable::Reading reading(table_);
  std::vector<Region> regions;
  auto end = query.to;
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto tier = order[i];
    auto begin = oldest(tier);
    if (!begin) continue;
    auto from = *begin;
    // What another tier goes on with begins with one of its whole steps.
    for (auto next = i + 1; next < order.size(); ++next) {
      auto older = oldest(order[next]);
      if (!older || *older >= *begin) continue;
      auto step = std::int64_t{schedule[order[next]].step.count()} * 1000;
      from = step_of(*begin + step - 1, step);
      break;
    }
    from = std::max(query.from, from);
    if (from >= end) continue;
    regions.push_back({tier, from, std::min(end, end_of(tier))});
    end = from;
  }
  std::reverse(regions.begin(), regions.end());
  Answer answer(query);
  auto one = query;
  for (auto node : query.nodes) {
    one.nodes = {node};
    answer.begin(node);
    for (auto& region : regions) query_tier(region.tier, one, region.from, region.to, answer);
    query_heads(one, answer);
    answer.end();
    if (answer.is_full())
      return Error(
          Errc::too_large,
          fmt::format("more than {} points: ask for less, or a greater step", query.most_points));
  }
  return answer.take();
}

void MetricStore::query_tier(std::size_t tier, const MetricQuery& query, std::int64_t from,
                             std::int64_t to, Answer& answer) {
  auto span = std::int64_t{settings_.schedule[tier].span().count()} * 1000;
  from = std::max(from, oldest(tier).value_or(from));
  for (auto at = step_of(from, span); at < to && !answer.is_full(); at += span) {
    BlockKey key{grains_[tier], at / hour_ms, query.nodes.front()};
    query_block(key, query, from, to, tier == 0, answer);
  }
}

void MetricStore::query_block(const BlockKey& key, const MetricQuery& query, std::int64_t from,
                              std::int64_t to, bool is_raw, Answer& answer) {
  auto head = table_.row(key.row(0));
  if (!head) return;
  auto directory = decode_directory(*head);
  if (!directory) {
    ++damaged_;
    return;
  }
  auto& moments = directory->moments;
  std::vector<Column> columns;
  std::size_t last_part = 0;
  for (auto series : query.series) {
    auto part = directory->part_of(std::uint64_t{series} * 8);
    if (part == 0 || part == last_part) continue;
    last_part = part;
    auto row = table_.row(key.row(static_cast<std::int64_t>(part)));
    auto had = columns.size();
    if (row && decode_part(*row, moments.size(), query.series, columns)) continue;
    ++damaged_;
    columns.resize(had);
  }
  auto within = [&](std::size_t row) { return moments[row].at >= from && moments[row].at < to; };
  if (!is_raw) {
    Block block{0, moments, std::move(columns)};
    RollUp rolled(block);
    for (auto& [series, line] : rolled.lines())
      for (auto& [at, summary] : line)
        if (at >= from && at < to) answer.add(series, {at, at}, summary);
    return;
  }
  for (auto& column : columns)
    for (std::size_t row = 0; row < moments.size(); ++row) {
      if (!column.has(row) || !within(row)) continue;
      auto value = column.number(row);
      answer.add(static_cast<SeriesId>(column.id / 8), moments[row],
                 {1, value, value, value, value.real()});
    }
}

void MetricStore::query_heads(const MetricQuery& query, Answer& answer) {
  auto open = open_hours_.find(query.nodes.front());
  if (open == open_hours_.end()) return;
  auto hours = open->second;
  std::sort(hours.begin(), hours.end());
  for (auto hour : hours) {
    if ((hour + 1) * hour_ms <= query.from || hour * hour_ms >= query.to) continue;
    heads_.at({hour, open->first}).each([&](Moment when, const std::vector<Sample>& samples) {
      if (when.at < query.from || when.at >= query.to) return;
      for (auto series : query.series) {
        auto found =
            std::lower_bound(samples.begin(), samples.end(), series,
                             [](auto& sample, auto wanted) { return sample.series < wanted; });
        if (found == samples.end() || found->series != series) continue;
        auto value = found->number();
        answer.add(series, when, {1, value, value, value, value.real()});
      }
    });
  }
}

std::vector<SeriesId> MetricStore::series_of(NodeId node) {
  std::vector<SeriesId> ids;
  if (auto open = open_hours_.find(node); open != open_hours_.end()) {
    auto hour = *std::max_element(open->second.begin(), open->second.end());
    for (auto& sample : heads_.at({hour, node}).last().samples()) ids.push_back(sample.series);
    return ids;
  }
  for (std::size_t tier = 0; tier < grains_.size() && ids.empty(); ++tier) {
    auto newest =
        table_.newest_hour(grains_[tier], node, settings_.schedule[tier].span().count() / 3600);
    if (!newest) continue;
    BlockKey key{grains_[tier], *newest, node};
    auto head = table_.row(key.row(0));
    if (!head) continue;
    auto directory = decode_directory(*head);
    if (!directory) continue;
    for (std::size_t part = 1; part <= directory->first_ids.size(); ++part)
      if (auto row = table_.row(key.row(static_cast<std::int64_t>(part))))
        if (auto found = ids_of_part(*row))
          for (auto id : *found)
            if (ids.empty() || ids.back() != id / 8) ids.push_back(static_cast<SeriesId>(id / 8));
  }
  return ids;
}

}  // namespace muster::store
