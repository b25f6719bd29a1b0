#pragma once

#include <filesystem>

#include "base/result.h"

namespace muster::app {

/// The folder that holds all that the daemon keeps, and the proof that no other daemon works in it:
/// an exclusive lock on its file `lock`, held until this object goes or the process ends, however
/// it ends. Taken before anything else is opened, dialled or listened on.
class DataDir {
 public:
  /// Makes the folder (mode 0700) where it is missing. One that exists is never changed: it must be
  /// this user's alone, and empty or a data directory. Errors: bad_request, saying what is wrong
  /// with it; conflict, naming the process that works in it; the system's.
  static Result<DataDir> open(std::filesystem::path path);
  /// The same for one that must be there already.
  static Result<DataDir> open_existing(std::filesystem::path path);

  DataDir(DataDir&& other) noexcept;
  DataDir& operator=(DataDir&&) = delete;
  ~DataDir();

  const std::filesystem::path& path() const { return path_; }
  /// A daemon has worked here before.
  bool has_database() const;

 private:
  DataDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_;
};

}  // namespace muster::app
