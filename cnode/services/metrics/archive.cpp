#include "services/metrics/archive.h"

namespace muster::metrics {

Result<std::unique_ptr<Archive>> Archive::open(std::filesystem::path folder,
                                               store::MetricStore::Settings settings,
                                               Dictionary& dictionary) {
  TRY(auto store, store::MetricStore::open(std::move(folder), std::move(settings)));
  TRYV(store->read_dictionary(
      [&](NodeId id, std::string name) { dictionary.restore_node(id, std::move(name)); },
      [&](SeriesId id, store::Series series) {
        dictionary.restore_series(id, std::move(series));
      }));
  return std::unique_ptr<Archive>(new Archive(std::move(store)));
}

Archive::~Archive() {
  thread_.join();
}

Task<store::Batch> Archive::append(store::Batch batch) {
  auto job = [&]() -> Result<store::Batch> {
    store::Batch definitions{batch.nodes, batch.series, {}};
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

Task<store::MetricUsage> Archive::look_after(std::int64_t now, bool trims) {
  auto job = [&]() -> Result<store::MetricUsage> {
    TRY(auto has_more, store_->close_hours(now));
    (void)has_more;  // the next call goes on
    if (trims) TRYV(store_->trim(now));
    return store_->usage();
  };
  co_return co_await offload(thread_, job);
}

}  // namespace muster::metrics
