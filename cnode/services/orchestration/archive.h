#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster::orchestration {

/// What may be in a release.
struct ArchiveLimits {
  std::uint64_t entries = 200'000;
  std::uint64_t unpacked = std::uint64_t(16) << 30;  ///< bytes
  std::uint64_t names = 64 << 20;                    ///< bytes that are kept while it is checked
};

/// A release archive that may be unpacked.
struct Archive {
  std::string sha256;  ///< of the file as it is, lower-case hex
  std::uint64_t size = 0, unpacked = 0, entries = 0;
  /// The one folder at the root that holds everything ("riak-1.3.1"), or nothing.
  std::string root;
  /// For tar --strip-components.
  unsigned strip_components = 0;
  /// Those of the files asked for that are not in it (below the root folder) as regular files: one
  /// that is a link cannot be filled without changing another.
  std::vector<std::string> missing;
};

/// Reads a whole tar.gz without unpacking it: it is readable to its end, nothing in it lies outside
/// (no absolute paths, no `..`, no link that leads out, nothing below a link), there are only
/// files, folders and links, and it is within the limits. `wanted` are paths that the release
/// names, such as its template files. Blocking, for seconds: call it through offload. Errors:
/// bad_request, too_large; the system's where the file itself cannot be read.
Result<Archive> check_archive(const std::filesystem::path& file,
                              const std::vector<std::string>& wanted = {},
                              const ArchiveLimits& limits = {});

}  // namespace muster::orchestration
