#include "store/metrics/roll_up.h"

#include <algorithm>

namespace muster::store {
namespace {

/// The summary for the step at `at`; steps mostly come in order.
Summary& entry(RollUp::Line& line, std::int64_t at) {
  if (line.empty() || line.back().first < at) return line.emplace_back(at, Summary()).second;
  auto found = std::lower_bound(line.begin(), line.end(), at,
                                [](auto& item, auto when) { return item.first < when; });
  // What a stranger wrote need not be in order.
  if (found == line.end() || found->first != at) found = line.emplace(found, at, Summary());
  return found->second;
}

}  // namespace

RollUp::RollUp(const Block& raw, std::int64_t step) {
  std::vector<std::int64_t> steps;
  for (auto& moment : raw.moments) steps.push_back(step_of(moment.at, step));
  for (auto& column : raw.columns) {
    auto& line = lines_[static_cast<SeriesId>(column.id / 8)];
    for (std::size_t row = 0; row < steps.size(); ++row)
      if (column.has(row) && !column.number(row).is_nan())
        entry(line, steps[row]).add(column.number(row));
  }
}

RollUp::RollUp(const Block& block) {
  for (std::size_t i = 0; i + members <= block.columns.size(); ++i) {
    auto* column = &block.columns[i];
    if (column->id % 8 != count || column[members - 1].id != column->id + last) continue;
    auto& line = lines_[static_cast<SeriesId>(column->id / 8)];
    for (std::size_t row = 0; row < block.moments.size(); ++row) {
      if (!column->has(row)) continue;
      line.emplace_back(
          block.moments[row].at,
          Summary{column[count].bits[row], column[min].number(row), column[max].number(row),
                  column[last].number(row), column[mean].number(row).real()});
    }
    i += members - 1;
  }
}

Block RollUp::block() const {
  Block block;
  std::vector<std::int64_t> steps;
  for (auto& [id, line] : lines_)
    for (auto& item : line)
      if (steps.empty() || steps.back() < item.first)
        steps.push_back(item.first);
      else if (auto at = std::lower_bound(steps.begin(), steps.end(), item.first);
               *at != item.first)
        steps.insert(at, item.first);
  for (auto at : steps) block.moments.push_back({at, at});
  for (auto& [id, line] : lines_) {
    if (line.empty()) continue;
    auto first = block.columns.size();
    for (std::uint64_t member = 0; member < members; ++member)
      block.columns.emplace_back().id = std::uint64_t{id} * 8 + member;
    auto* column = &block.columns[first];
    auto item = line.begin();
    for (auto at : steps) {
      if (item == line.end() || item->first != at) {
        for (std::uint64_t member = 0; member < members; ++member) column[member].push_missing();
        continue;
      }
      auto& summary = (item++)->second;
      column[count].push(Number::of(static_cast<std::int64_t>(summary.count)));
      column[min].push(summary.min);
      column[mean].push(Number::of(summary.mean));
      column[max].push(summary.max);
      column[last].push(summary.last);
    }
  }
  return block;
}

void RollUp::add(const RollUp& later) {
  for (auto& [id, line] : later.lines_) {
    auto& own = lines_[id];
    for (auto& [at, summary] : line) entry(own, at).add(summary);
  }
}

Block join(Block first, Block second) {
  Block all;
  all.sequence = std::max(first.sequence, second.sequence);
  all.moments = std::move(first.moments);
  auto before = all.moments.size(), after = second.moments.size();
  all.moments.insert(all.moments.end(), second.moments.begin(), second.moments.end());
  auto a = first.columns.begin();
  auto b = second.columns.begin();
  auto append = [](Column& column, const Column& more) {
    column.cells.insert(column.cells.end(), more.cells.begin(), more.cells.end());
    column.bits.insert(column.bits.end(), more.bits.begin(), more.bits.end());
  };
  auto fill = [](Column& column, std::size_t rows) {
    column.cells.resize(rows, Column::missing);
    column.bits.resize(rows, 0);
  };
  while (a != first.columns.end() || b != second.columns.end()) {
    bool takes_a = b == second.columns.end() || (a != first.columns.end() && a->id <= b->id);
    bool takes_b = a == first.columns.end() || (b != second.columns.end() && b->id <= a->id);
    auto& column = all.columns.emplace_back();
    column.id = takes_a ? a->id : b->id;
    if (takes_a) append(column, *a++);
    fill(column, before);
    if (takes_b) append(column, *b++);
    fill(column, before + after);
  }
  return all;
}

}  // namespace muster::store
