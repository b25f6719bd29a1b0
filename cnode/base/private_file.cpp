#include "base/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace muster {
namespace {

namespace fs = std::filesystem;

Error system_error(const char* doing, const fs::path& file) {
  boost::system::error_code ec(errno, boost::system::system_category());
  if (ec == boost::system::errc::no_such_file_or_directory)
    return Error(Errc::not_found, fmt::format("there is no file {}", file.string()));
  return Error(ec, fmt::format("{} {}", doing, file.string()));
}

/// Closes it when it goes.
struct Descriptor {
  int number;
  explicit Descriptor(int n) : number(n) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

bool is_credential(const fs::path& file) {
  auto* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (!folder || !*folder) return false;
  std::error_code ec;
  auto inside = fs::relative(fs::canonical(file, ec), fs::canonical(folder, ec), ec);
  return !ec && !inside.empty() && *inside.begin() != "..";
}

Result<> check(const struct stat& about, const fs::path& file) {
  constexpr mode_t of_others = S_IRWXG | S_IRWXO, readable = S_IRUSR | S_IRGRP;
  if (!S_ISREG(about.st_mode))
    return Error(Errc::bad_request, fmt::format("{} is no file", file.string()));
  if ((about.st_mode & of_others) == 0) return {};
  auto mode = about.st_mode & 07777u;
  if ((mode & ~readable) == 0 && (about.st_uid == 0 || is_credential(file))) return {};
  return Error(Errc::bad_request,
               fmt::format("{} can be read by others: chmod 600 it (mode 0440 will do where root "
                           "owns it, or below $CREDENTIALS_DIRECTORY)",
                           file.string()));
}

}  // namespace

Result<> check_private(const fs::path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) return system_error("read", file);
  return check(about, file);
}

Result<std::string> read_private(const fs::path& file, std::size_t most) {
  Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (in.number < 0 || ::fstat(in.number, &about) != 0) return system_error("read", file);
  TRYV(check(about, file));
  std::string bytes(most + 1, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    auto count = ::read(in.number, bytes.data() + size, bytes.size() - size);
    if (count < 0) return system_error("read", file);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > most)
    return Error(Errc::too_large, fmt::format("{} has more than {} bytes", file.string(), most));
  bytes.resize(size);
  return bytes;
}

Result<> write_private(const fs::path& file, std::string_view bytes) {
  auto fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.number < 0) return system_error("write", fresh);
  bool is_written =
      ::write(out.number, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      ::fsync(out.number) == 0;
  if (!is_written || ::rename(fresh.c_str(), file.c_str()) != 0) {
    auto failed = system_error("write", file);
    ::unlink(fresh.c_str());
    return failed;
  }
  sync_folder(file.parent_path());
  return {};
}

void sync_folder(const fs::path& folder) {
  Descriptor at(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at.number >= 0) ::fsync(at.number);
}

}  // namespace muster
