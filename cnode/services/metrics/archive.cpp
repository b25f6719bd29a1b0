#include "services/metrics/archive.h"

#include "base/log.h"
#include "services/metrics/conversions.h"

namespace muster::metrics {

Result<std::unique_ptr<Archive>> Archive::open(std::filesystem::path folder,
                                               store::MetricStore::Settings settings,
                                               Dictionary& dictionary, const Clock& clock) {
  TRY(auto store, store::MetricStore::open(std::move(folder), std::move(settings)));
  TRYV(store->read_dictionary(
      [&](NodeId id, std::string name) { dictionary.restore_node(id, std::move(name)); },
      [&](SeriesId id, store::Series series) { dictionary.restore_series(id, std::move(series)); },
      [&](SeriesId id, std::int64_t day) { dictionary.restore_seen(id, day); },
      [&](SeriesId id, NodeId maker) { dictionary.restore_maker(id, maker); }));
  dictionary.note_unknown_days(day_of(clock.now()));
  return std::unique_ptr<Archive>(new Archive(std::move(store), clock));
}

Archive::~Archive() {
  thread_.join();
}

Task<store::Batch> Archive::append(store::Batch batch) {
  auto job = [&]() -> Result<store::Batch> {
    store::Batch definitions{batch.nodes, batch.series, {}, batch.seen, batch.makers};
    TRYV(store_->append(std::move(batch)));
    return definitions;
  };
  co_return co_await offload(thread_, job);
}

Task<std::vector<store::MetricLine>> Archive::query(store::MetricQuery query) {
  auto job = [&] { return store_->query(query); };
  co_return co_await offload(thread_, job);
}

Task<std::vector<SeriesId>> Archive::series_of(NodeId node) {
  auto job = [&]() -> Result<std::vector<SeriesId>> { return store_->series_of(node); };
  co_return co_await offload(thread_, job);
}

Task<std::vector<store::Seen>> Archive::stale_series() {
  auto job = [&] { return store_->stale_series(); };
  co_return co_await offload(thread_, job);
}

Task<> Archive::remove_series(std::vector<SeriesId> ids) {
  auto job = [&] { return store_->remove_series(ids); };
  co_return co_await offload(thread_, job);
}

Result<> Archive::do_what_is_due(bool trims) {
  auto now = ms(clock_.now());
  // First: it makes room.
  auto trimmed = trims ? store_->trim(now, jumps_.is_steady(clock_)) : Result<>();
  auto moment = std::chrono::steady_clock::now();
  if (!trims && !closing_.is_due(moment)) return {};
  auto closed = store_->close_hours(now);  // when there are more, the next call goes on
  if (!closed) {
    closing_.failed(moment);
    return closed.error();
  }
  closing_.succeeded();
  return trimmed;
}

Task<store::MetricUsage> Archive::look_after(bool trims) {
  auto job = [&]() -> Result<store::MetricUsage> {
    auto done = do_what_is_due(trims);
    if (!done && !is_failing_)
      log::error("metrics stay in memory, within a limit: {}", done.error().text());
    bool is_over = done && trims;  // all of it was tried
    if (is_over && is_failing_) log::info("metrics are stored again");
    is_failing_ = !done || (is_failing_ && !is_over);
    return store_->usage();
  };
  co_return co_await offload(thread_, job);
}

}  // namespace muster::metrics
