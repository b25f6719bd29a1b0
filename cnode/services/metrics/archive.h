#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "base/jump_watch.h"
#include "base/offload.h"
#include "base/result.h"
#include "services/metrics/dictionary.h"
#include "store/metrics/metric_store.h"
#include "store/metrics/retry.h"

namespace muster::metrics {

/// The MetricStore on a thread of its own. Owned by the service; called on the loop. A task that is
/// cancelled waits for its job.
class Archive {
 public:
  static Result<std::unique_ptr<Archive>> open(std::filesystem::path folder,
                                               store::MetricStore::Settings settings,
                                               Dictionary& dictionary, const Clock& clock);
  ~Archive();

  /// Gives the batch back: it says which definitions are stored now.
  Task<store::Batch> append(store::Batch batch);
  Task<std::vector<store::MetricLine>> query(store::MetricQuery query);
  Task<std::vector<SeriesId>> series_of(NodeId node);
  /// Some series of which nothing is kept any more, and their end.
  Task<std::vector<store::Seen>> stale_series();
  Task<> remove_series(std::vector<SeriesId> ids);
  /// Some of what is due: closing hours, and with `trims` retention (of size alone while the clock
  /// has just jumped); also when one of both fails, which is said in the log when it begins and
  /// when it is over. Hours that could not be closed are tried again after growing pauses, and
  /// after each retention, which makes room.
  Task<store::MetricUsage> look_after(bool trims);
  const store::Schedule& schedule() const { return store_->schedule(); }

 private:
  Archive(std::unique_ptr<store::MetricStore> store, const Clock& clock)
      : store_(std::move(store)), clock_(clock) {}
  Result<> do_what_is_due(bool trims);
  std::unique_ptr<store::MetricStore> store_;
  const Clock& clock_;
  asio::thread_pool thread_{1};
  store::Retry closing_;     ///< on the thread
  JumpWatch jumps_;          ///< on the thread
  bool is_failing_ = false;  ///< on the thread; as last said
};

}  // namespace muster::metrics
