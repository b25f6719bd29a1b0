#pragma once

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "ops/body.h"
#include "services/orchestration/archive.h"

namespace muster::orchestration {

/// An archive that came in completely, was checked and is on the disk, without its final name yet;
/// unless it gets that, it goes with this.
class ReceivedArchive {
 public:
  ReceivedArchive(std::filesystem::path part, Archive archive)
      : part_(std::move(part)), archive_(std::move(archive)) {}
  ReceivedArchive(ReceivedArchive&& other) noexcept
      : part_(std::exchange(other.part_, {})), archive_(std::move(other.archive_)) {}
  ReceivedArchive& operator=(ReceivedArchive&&) = delete;
  ~ReceivedArchive();

  const Archive& archive() const { return archive_; }

 private:
  friend class ReleaseStore;
  std::filesystem::path part_;
  Archive archive_;
};

/// The folder of release archives: `<sha256>.tar.gz`, each there completely or not at all. Bytes
/// are written as they come, so memory stays constant; all disk work runs on the pool. Owned by the
/// releases' operations; lives on the loop. Cancelling an upload leaves nothing behind.
class ReleaseStore {
 public:
  ReleaseStore(asio::thread_pool& pool, std::filesystem::path directory)
      : pool_(pool), directory_(std::move(directory)) {}

  /// Takes a whole archive in and checks it. `wanted` are the files that the release names. Errors:
  /// too_large past `limit` bytes, what check_archive() finds, unavailable for a full disk.
  Task<ReceivedArchive> receive(ops::BodySource& body, std::vector<std::string> wanted,
                                std::uint64_t limit);
  /// Gives it its name; from then on it stays until remove().
  Task<> keep(ReceivedArchive received);
  /// An archive that is here already, looked at again with other files wanted.
  Task<Archive> look(std::string sha256, std::vector<std::string> wanted);
  Task<> remove(std::string sha256);
  /// The names of all files, those that are still on their way in too.
  Task<std::vector<std::string>> files();
  Task<> remove_file(std::string name);

  static constexpr std::string_view suffix = ".tar.gz";

 private:
  std::filesystem::path path(const std::string& sha256) const {
    return directory_ / (sha256 + std::string(suffix));
  }

  asio::thread_pool& pool_;
  std::filesystem::path directory_;
};

}  // namespace muster::orchestration
