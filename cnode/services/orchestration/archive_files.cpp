#include "services/orchestration/archive_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace muster::orchestration {
namespace {

constexpr std::int64_t kLargest = 1 << 20;

/// What is left of a name after `tar --strip-components`, which counts "." like a folder; without
/// further ".". Empty when nothing is left.
std::string stripped(std::string_view name, unsigned count) {
  std::string path;
  while (!name.empty()) {
    auto part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
    if (part.empty()) continue;
    if (count > 0) {
      --count;
      continue;
    }
    if (part == ".") continue;
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

Error archive_failed(archive* reader, const std::filesystem::path& file) {
  const char* why = archive_error_string(reader);
  return Error(Errc::internal, fmt::format("read {}: {}", file.filename().string(),
                                           why ? why : "not a release archive"));
}

}  // namespace

Result<std::map<std::string, std::string>> read_archive_files(const std::filesystem::path& file,
                                                              const std::vector<std::string>& paths,
                                                              unsigned strip_components) {
  std::map<std::string, std::string> found;
  std::map<std::string, std::string> wanted;  // as stripped() makes it, to what was asked for
  for (auto& path : paths) wanted.emplace(stripped(path, 0), path);
  auto release = [](archive* reader) { archive_read_free(reader); };
  std::unique_ptr<archive, decltype(release)> reader(archive_read_new(), release);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), file.c_str(), 256 * 1024) != ARCHIVE_OK)
    return archive_failed(reader.get(), file);
  while (found.size() < wanted.size()) {
    archive_entry* entry = nullptr;
    int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) return archive_failed(reader.get(), file);
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG) continue;
    auto asked = wanted.find(stripped(name, strip_components));
    if (asked == wanted.end()) continue;
    if (archive_entry_size(entry) > kLargest)
      return Error(Errc::too_large, asked->second + " is too large for a template");
    std::string bytes(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    if (archive_read_data(reader.get(), bytes.data(), bytes.size()) !=
        static_cast<la_ssize_t>(bytes.size()))
      return archive_failed(reader.get(), file);
    found[asked->second] = std::move(bytes);
  }
  for (auto& [path, asked] : wanted)
    if (!found.contains(asked))
      return Error(Errc::bad_request, fmt::format("the release archive has no regular file '{}', "
                                                  "which is one of its node_name_templates",
                                                  asked));
  return found;
}

}  // namespace muster::orchestration
