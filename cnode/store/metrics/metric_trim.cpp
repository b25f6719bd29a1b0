// What the metric store no longer keeps.
#include <algorithm>

#include "base/log.h"
#include "store/metrics/metric_store.h"

namespace muster::store {

namespace {

constexpr std::int64_t hour_ms = 3'600'000;

std::int64_t ms(std::chrono::seconds value) {
  return value.count() * 1000;
}

}  // namespace

Result<> MetricStore::trim(std::int64_t now, bool age_counts) {
  return look_at(trim_some(now, age_counts));
}

Result<std::optional<std::int64_t>> MetricStore::oldest_hour() {
  if (salvaged_) return std::optional<std::int64_t>();
  auto oldest = journal_.oldest_hour();
  if (!heads_.empty()) oldest = std::min(oldest, heads_.begin()->first.first);
  TRY(auto grains, table_.grains());
  for (auto& [grain, step] : grains) {
    TRY(auto hour, table_.oldest_hour(grain));
    if (hour) oldest = std::min(oldest, *hour);
  }
  return std::optional(oldest);
}

Result<std::vector<Seen>> MetricStore::stale_series() {
  constexpr std::size_t most = 10'000;
  TRY(auto hour, oldest_hour());
  if (!hour) return std::vector<Seen>{};
  return table_.seen_before(*hour / 24, most);
}

Result<> MetricStore::remove_series(const std::vector<SeriesId>& ids) {
  TRYV(table_.begin());
  auto removed = [&]() -> Result<> {
    for (auto id : ids) TRYV(table_.remove_series(id));
    return table_.commit();
  }();
  if (!removed) table_.roll_back();
  return look_at(removed);
}

Result<> MetricStore::trim_some(std::int64_t now, bool age_counts) {
  constexpr std::int64_t most_hours = 6;
  auto remove = [&](int grain, std::int64_t hour, std::int64_t end) -> Result<> {
    oldest_.assign(oldest_.size(), std::nullopt);
    return table_.remove(grain, hour, end);
  };
  TRY(auto grains, table_.grains());
  for (auto& [grain, step] : grains) {
    auto found = table_.oldest_hour(grain);
    if (!found || !*found) continue;  // what cannot be read is not worth all the rest
    auto oldest = *found;
    auto own = std::find(grains_.begin(), grains_.end(), grain);
    if (own == grains_.end()) {  // a step that the schedule no longer has
      TRYV(remove(grain, *oldest, *oldest + most_hours));
      continue;
    }
    auto& tier = settings_.schedule[static_cast<std::size_t>(own - grains_.begin())];
    auto gone = (now - ms(tier.keep) - ms(tier.span())) / hour_ms;
    // What the journal still has would be stored anew after a restart.
    if (own == grains_.begin()) gone = std::min(gone, journal_.oldest_hour() - 1);
    if (age_counts && *oldest <= gone)
      TRYV(remove(grain, *oldest, std::min(gone + 1, *oldest + most_hours)));
  }
  // What was put aside goes first, but not while the only readable copy of a history is in it.
  if (!salvaged_ && table_.bytes() + bytes_put_aside() > settings_.most_bytes) remove_put_aside();
  for (std::size_t i = 0; i < grains_.size() && table_.bytes() > settings_.most_bytes; ++i) {
    auto oldest = table_.oldest_hour(grains_[i]);
    if (!oldest || !*oldest) continue;
    log::warn("metrics: more than {} MB, the oldest of those kept every {} s go",
              settings_.most_bytes >> 20, settings_.schedule[i].step.count());
    return remove(grains_[i], **oldest, **oldest + 1);
  }
  return table_.shrink();
}

}  // namespace muster::store
