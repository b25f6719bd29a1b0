#include "services/orchestration/release_store.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/offload.h"
#include "base/random.h"

namespace muster::orchestration {
namespace {

Error system_error(const char* doing) {
  return Error(boost::system::error_code(errno, boost::system::system_category()), doing);
}

/// A file without a final name; what was not keep()t goes with it.
class PartFile {
 public:
  static Result<PartFile> make(std::filesystem::path path) {
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return system_error("store a release archive");
    return PartFile(std::move(path), fd);
  }
  PartFile(PartFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}
  ~PartFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Result<> write(std::string_view bytes) {
    while (!bytes.empty()) {
      auto done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return system_error("store a release archive");
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
  }
  Result<> keep(const std::filesystem::path& as) {
    if (::fsync(fd_) != 0) return system_error("store a release archive");
    if (::rename(path_.c_str(), as.c_str()) != 0) return system_error("store a release archive");
    path_.clear();
    return {};
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  PartFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
};

Result<> check_missing(const Archive& archive) {
  if (archive.missing.empty()) return {};
  return Error(Errc::bad_request, "the archive has no file " + archive.missing.front(),
               "/node_name_templates");
}

}  // namespace

Task<Archive> ReleaseStore::take(ops::BodySource& body, std::vector<std::string> wanted,
                                 std::uint64_t limit) {
  auto too_large = [&] {
    return Error(Errc::too_large,
                 fmt::format("a release archive has at most {} bytes here", limit));
  };
  if (body.size().value_or(0) > limit) co_return too_large();
  CO_TRY(auto part, PartFile::make(directory_ / (random_uuid() + ".part")));
  std::uint64_t size = 0;
  for (;;) {
    CO_TRY(auto piece, co_await body.next());
    if (piece.empty()) break;
    size += piece.size();
    if (size > limit) co_return too_large();
    auto job = [&] { return part.write(piece); };
    CO_TRYV(co_await offload(pool_, job));
  }
  auto check = [&]() -> Result<Archive> {
    TRY(auto archive, check_archive(part.path(), wanted));
    TRYV(check_missing(archive));
    TRYV(part.keep(path(archive.sha256)));
    return archive;
  };
  co_return co_await offload(pool_, check);
}

Task<Archive> ReleaseStore::look(std::string sha256, std::vector<std::string> wanted) {
  auto check = [&]() -> Result<Archive> {
    TRY(auto archive, check_archive(path(sha256), wanted));
    TRYV(check_missing(archive));
    return archive;
  };
  co_return co_await offload(pool_, check);
}

Task<> ReleaseStore::remove(std::string sha256) {
  auto job = [&]() -> Result<> {
    std::error_code ec;
    std::filesystem::remove(path(sha256), ec);
    if (ec) return Error(ec, "remove a release archive");
    return {};
  };
  co_return co_await offload(pool_, job);
}

}  // namespace muster::orchestration
