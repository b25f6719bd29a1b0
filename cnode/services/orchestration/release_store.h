#pragma once

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "ops/body.h"
#include "services/orchestration/archive.h"

namespace muster::orchestration {

/// The folder of release archives: `<sha256>.tar.gz`, each there completely or not at all. Bytes
/// are written as they come, so memory stays constant; all disk work runs on the pool. Owned by the
/// releases' operations; lives on the loop. Cancelling an upload leaves nothing behind.
class ReleaseStore {
 public:
  ReleaseStore(asio::thread_pool& pool, std::filesystem::path directory)
      : pool_(pool), directory_(std::move(directory)) {}

  /// Takes a whole archive in and checks it. `wanted` are the files that the release names. Errors:
  /// too_large past `limit` bytes, what check_archive() finds, unavailable for a full disk.
  Task<Archive> take(ops::BodySource& body, std::vector<std::string> wanted, std::uint64_t limit);
  /// An archive that is here already, looked at again with other files wanted.
  Task<Archive> look(std::string sha256, std::vector<std::string> wanted);
  Task<> remove(std::string sha256);

 private:
  std::filesystem::path path(const std::string& sha256) const {
    return directory_ / (sha256 + ".tar.gz");
  }

  asio::thread_pool& pool_;
  std::filesystem::path directory_;
};

}  // namespace muster::orchestration
