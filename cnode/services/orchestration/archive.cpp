#include "services/orchestration/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clean_text.h"
#include "base/sha256.h"

namespace muster::orchestration {
namespace {

Error refuse(std::string why) {
  return Error(Errc::bad_request, std::move(why), "/release");
}

/// A name from the archive as it may stand in a message.
std::string shown(std::string_view name) {
  return clean_text(name, 200);
}

/// The file, hashed as libarchive reads it.
class Source {
 public:
  explicit Source(const std::filesystem::path& file)
      : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  std::uint64_t size() const { return size_; }

  ssize_t read() {
    const auto count = ::read(fd_, buffer_.data(), buffer_.size());
    if (count > 0) {
      size_ += static_cast<std::uint64_t>(count);
      hash_.update({buffer_.data(), static_cast<std::size_t>(count)});
    }
    return count;
  }
  static la_ssize_t read_block(archive*, void* self, const void** block) {
    auto* source = static_cast<Source*>(self);
    *block = source->buffer_.data();
    return source->read();
  }
  /// What follows the archive's end counts too: it is part of the file that is stored.
  std::string finish() {
    while (read() > 0) {
    }
    return to_hex(hash_.finish());
  }

 private:
  int fd_;
  std::uint64_t size_ = 0;
  std::array<char, 256 * 1024> buffer_;
  Sha256 hash_;
};

using Path = std::vector<std::string_view>;  // its components, without "."

std::optional<Path> split(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.size() > 4096) return std::nullopt;
  Path path;
  while (!name.empty()) {
    const auto part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") path.push_back(part);
  }
  return path;
}

std::string join(const Path& path, std::size_t count) {
  std::string name;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) name += '/';
    name += path[i];
  }
  return name;
}

/// A link leads to a place inside: up with leading `..` at most to the top, then down. A `..` after
/// a name is refused, as that name may be a link itself.
bool stays_inside(const Path& link, std::string_view target, std::size_t top) {
  if (target.empty() || target.front() == '/') return false;
  std::size_t depth = link.size() - 1;
  bool is_descending = false;
  while (!target.empty()) {
    const auto part = target.substr(0, target.find('/'));
    target.remove_prefix(std::min(target.size(), part.size() + 1));
    if (part == "..") {
      if (is_descending || depth <= top) return false;
      --depth;
    } else if (!part.empty() && part != ".") {
      is_descending = true;
    }
  }
  return true;
}

/// Folders of which one alone at the root is no wrapping folder but the release itself.
bool belongs_to_release(std::string_view name) {
  return name == "bin" || name == "lib" || name == "releases" || name == "etc" ||
         name.starts_with("erts-");
}

/// All that an archive holds, judged entry by entry and then as a whole.
class Contents {
 public:
  explicit Contents(const ArchiveLimits& limits) : limits_(limits) {}

  Result<> add(archive_entry* entry) {
    if (++entries_ > limits_.entries)
      return Error(Errc::too_large,
                   fmt::format("the release has more than {} entries", limits_.entries));
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) return refuse("the release holds a name that cannot be read");
    const auto path = split(name);
    if (!path)
      return refuse(
          fmt::format("'{}' would be unpacked outside of the release's folder", shown(name)));
    const bool has_dot = std::string_view(name).starts_with("./");
    const auto type = archive_entry_filetype(entry);
    if (path->empty()) {
      if (type == AE_IFDIR) return {};
      return refuse("the release holds an entry without a name");
    }
    dotted_ += has_dot ? 1 : 0;
    ++named_;
    // Where a folder is known, those above it are.
    for (std::size_t i = path->size() - 1; i > 0; --i) {
      auto folder = join(*path, i);
      if (folders_.contains(folder)) break;
      TRYV(keep(folder.size()));
      folders_.insert(std::move(folder));
    }
    return add(entry, name, *path, type);
  }

  /// After the last entry.
  Result<Archive> judge(const std::vector<std::string>& wanted) {
    if (files_.empty()) return refuse("the release holds no file");
    for (const auto& [name, link] : links_) {
      if (folders_.contains(name) || files_.contains(name))
        return refuse(fmt::format("'{}' is a link and something else too", shown(name)));
    }
    Archive found;
    found.root = root_folder();
    const std::size_t top = found.root.empty() ? 0 : 1;
    for (const auto& [name, target] : links_) {
      if (!stays_inside(*split(name), target, top))
        return refuse(fmt::format("the link '{}' leads out of the release", shown(name)));
    }
    for (const auto& target : hard_targets_) {
      if (!files_.contains(target))
        return refuse(
            fmt::format("a link to '{}', which is no file of the release", shown(target)));
    }
    if (top == 1) {
      if (dotted_ != 0 && dotted_ != named_)
        return refuse("some names begin with './' and some do not: pack the release anew");
      found.strip_components = dotted_ != 0 ? 2 : 1;
    }
    for (const auto& name : wanted) {
      const auto path = split(name);
      auto whole = path ? join(*path, path->size()) : std::string();
      if (top == 1) whole = found.root + "/" + whole;
      if (!path || !files_.contains(whole) || hard_names_.contains(whole))
        found.missing.push_back(name);
    }
    found.entries = entries_;
    found.unpacked = unpacked_;
    return found;
  }

 private:
  /// A few KB of tar.gz can hold names of gigabytes.
  Result<> keep(std::size_t bytes) {
    kept_ += bytes + 64;  // what a set takes beside
    if (kept_ <= limits_.names) return {};
    return Error(Errc::too_large, fmt::format("the names in the release take more than {} MiB",
                                              limits_.names >> 20));
  }

  Result<> add(archive_entry* entry, const char* name, const Path& path, unsigned type) {
    auto whole = join(path, path.size());
    TRYV(keep(whole.size()));
    if (const char* hard = archive_entry_hardlink(entry); hard != nullptr) {
      const auto target = split(hard);
      if (!target)
        return refuse(fmt::format("the link '{}' leads out of the release", shown(name)));
      hard_targets_.push_back(join(*target, target->size()));
      // GNU tar writes a file that it was given twice as a link to itself.
      if (hard_targets_.back() != whole) hard_names_.insert(whole);
      TRYV(keep(2 * whole.size() + hard_targets_.back().size()));
      files_.insert(std::move(whole));
      return {};
    }
    switch (type) {
      case AE_IFDIR:
        folders_.insert(std::move(whole));
        return {};
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(entry);
        if (target != nullptr) {
          TRYV(keep(std::string_view(target).size()));
        }
        if (!links_.emplace(whole, target == nullptr ? "" : target).second)
          return refuse(fmt::format("'{}' stands in the release twice", shown(name)));
        return {};
      }
      case AE_IFREG: {
        const auto size = archive_entry_size(entry);
        if (size < 0 || static_cast<std::uint64_t>(size) > limits_.unpacked - unpacked_)
          return Error(Errc::too_large, fmt::format("the release is larger than {} MiB unpacked",
                                                    limits_.unpacked >> 20));
        unpacked_ += static_cast<std::uint64_t>(size);
        files_.insert(std::move(whole));
        return {};
      }
      default:
        return refuse(fmt::format("'{}' is neither a file nor a folder nor a link", shown(name)));
    }
  }

  std::string root_folder() const {
    std::string_view root;
    auto is_same = [&root](std::string_view name) {
      const auto first = name.substr(0, name.find('/'));
      if (root.empty()) root = first;
      return root == first;
    };
    for (const auto& name : files_)
      if (name.find('/') == name.npos || !is_same(name)) return {};
    for (const auto& name : folders_)
      if (!is_same(name)) return {};
    for (const auto& [name, target] : links_)
      if (name.find('/') == name.npos || !is_same(name)) return {};
    return belongs_to_release(root) ? std::string() : std::string(root);
  }

  const ArchiveLimits& limits_;
  std::uint64_t entries_ = 0, unpacked_ = 0, named_ = 0, dotted_ = 0, kept_ = 0;
  std::unordered_set<std::string> files_, folders_;
  std::unordered_map<std::string, std::string> links_;  // name and target
  std::unordered_set<std::string> hard_names_;
  std::vector<std::string> hard_targets_;
};

}  // namespace

Result<Archive> check_archive(const std::filesystem::path& file,
                              const std::vector<std::string>& wanted, const ArchiveLimits& limits) {
  const auto source = std::make_unique<Source>(file);
  if (!source->is_open())
    return Error(boost::system::error_code(errno, boost::system::system_category()),
                 "read the release");
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  auto unreadable = [&reader] {
    const char* why = archive_error_string(reader.get());
    return refuse(
        fmt::format("the release is no readable tar.gz: {}", shown(why == nullptr ? "" : why)));
  };
  if (archive_read_open(reader.get(), source.get(), nullptr, Source::read_block, nullptr) !=
      ARCHIVE_OK)
    return unreadable();

  Contents contents(limits);
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return unreadable();
    if (archive_filter_code(reader.get(), 0) != ARCHIVE_FILTER_GZIP)
      return refuse("the release is a tar file, but not compressed by gzip");
    TRYV(contents.add(entry));
  }
  TRY(auto found, contents.judge(wanted));
  found.sha256 = source->finish();
  found.size = source->size();
  return found;
}

}  // namespace muster::orchestration
