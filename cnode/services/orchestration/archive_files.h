#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster::orchestration {

/// The contents of some files of a release archive that was checked before, by their paths after
/// `strip_components`. Errors: bad_request for one that is not in it, or is no regular file;
/// too_large for one of more than a MiB (a template is text that people write); the system's.
/// Blocking: call it through offload.
Result<std::map<std::string, std::string>> read_archive_files(const std::filesystem::path& file,
                                                              const std::vector<std::string>& paths,
                                                              unsigned strip_components);

}  // namespace muster::orchestration
