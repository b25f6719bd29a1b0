#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "base/jump_watch.h"
#include "services/notifications/partition.h"

namespace muster::notifications {

/// How much is kept: whatever comes first.
struct Retention {
  std::uint64_t bytes = std::uint64_t{2} << 30;
  std::chrono::hours age{24 * 30};
};

/// All notifications: a folder of Partition files, named by the first id in each; the newest is
/// written. A thread writes and another reads, so neither the loop nor a search waits for a write.
/// Owned by the service; its tasks are called on the loop, and one that is cancelled waits for its
/// job. A damaged file is put aside (*.damaged) and costs what is in it.
class Archive {
 public:
  /// Opens the folder, makes it where it is missing (mode 0700).
  static Result<std::unique_ptr<Archive>> open(std::filesystem::path folder, Retention retention,
                                               const Clock& clock);
  ~Archive();

  /// Stores `batch` in order and gives each its id. On an error those without id are not stored.
  Task<> append(std::vector<Entry>& batch);
  /// Newest first.
  Task<std::vector<Entry>> search(Query query);
  /// Error: not_found.
  Task<Entry> get(std::int64_t id);
  /// Deletes the oldest files until what is left is within the retention. Says how many went.
  Task<std::size_t> trim();
  /// On disk, by the last trim().
  std::uint64_t bytes() const { return bytes_; }

 private:
  using PartitionPtr = std::shared_ptr<Partition>;
  Archive(std::filesystem::path folder, Retention retention, const Clock& clock);
  Result<> load();
  Result<PartitionPtr> begin(std::int64_t first_id);
  Result<> append_now(std::vector<Entry>& batch);
  Result<std::vector<Entry>> search_now(const Query& query);
  Result<Entry> get_now(std::int64_t id);
  Result<std::size_t> trim_now();
  bool is_full(const Partition& partition) const;
  std::vector<PartitionPtr> newest_first() const;
  std::uint64_t bytes_put_aside() const;
  void remove_put_aside();

  std::filesystem::path folder_;
  Retention retention_;
  const Clock& clock_;
  mutable std::mutex mutex_;                         ///< for the map: the writer changes it
  std::map<std::int64_t, PartitionPtr> partitions_;  ///< by first id
  std::atomic<std::uint64_t> bytes_ = 0;
  JumpWatch jumps_;  ///< on the writer's thread
  asio::thread_pool writer_{1}, reader_{1};
};

}  // namespace muster::notifications
