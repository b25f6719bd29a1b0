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

/// A file being written, without its final name; what is not release()d goes with it.
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
  Result<> sync() {
    if (::fsync(fd_) != 0) return system_error("store a release archive");
    return {};
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path release() { return std::exchange(path_, {}); }

 private:
  PartFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
};

/// What makes a new name in it survive a power cut.
Result<> sync_folder(const std::filesystem::path& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("store a release archive");
  bool is_done = ::fsync(fd) == 0;
  ::close(fd);
  if (!is_done) return system_error("store a release archive");
  return {};
}

Result<> check_missing(const Archive& archive) {
  if (archive.missing.empty()) return {};
  return Error(Errc::bad_request, "the archive has no regular file " + archive.missing.front(),
               "/node_name_templates");
}

}  // namespace

ReceivedArchive::~ReceivedArchive() {
  if (!part_.empty()) ::unlink(part_.c_str());
}

Task<ReceivedArchive> ReleaseStore::receive(ops::BodySource& body, std::vector<std::string> wanted,
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
    TRYV(part.sync());
    return archive;
  };
  CO_TRY(auto archive, co_await offload(pool_, check));
  co_return ReceivedArchive(part.release(), std::move(archive));
}

Task<> ReleaseStore::keep(ReceivedArchive received) {
  auto job = [&]() -> Result<> {
    auto to = path(received.archive().sha256);
    if (::rename(received.part_.c_str(), to.c_str()) != 0)
      return system_error("store a release archive");
    received.part_.clear();
    return sync_folder(directory_);
  };
  co_return co_await offload(pool_, job);
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
  co_return co_await remove_file(path(sha256).filename());
}

Task<> ReleaseStore::remove_file(std::string name) {
  auto job = [&]() -> Result<> {
    std::error_code ec;
    std::filesystem::remove(directory_ / name, ec);
    if (ec) return Error(ec, "remove a release archive");
    return {};
  };
  co_return co_await offload(pool_, job);
}

Task<std::vector<std::string>> ReleaseStore::files() {
  auto job = [&]() -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    std::error_code ec;
    for (std::filesystem::directory_iterator at(directory_, ec), end; !ec && at != end;
         at.increment(ec))
      names.push_back(at->path().filename());
    if (ec) return Error(ec, "look into the folder of release archives");
    return names;
  };
  co_return co_await offload(pool_, job);
}

}  // namespace muster::orchestration
