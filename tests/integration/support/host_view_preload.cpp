// Preloaded into a node (LD_PRELOAD) that is to see another host than there is: of /proc/NAME and
// /sys/fs/cgroup/NAME it reads HOST_VIEW/NAME where there is such a file, and its wall clock is off
// by as many microseconds as HOST_VIEW/clock says. So it is for the programs that the node starts:
// for df every disk is as full, in percent, as HOST_VIEW/disk says. Where there is
// HOST_VIEW/old_linux, /proc/self/fd has no size.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t clock_size = 32;

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// `buffer` is the path shown instead, or the path itself is returned.
const char* shown(const char* path, char (&buffer)[512]) {
  auto* view = std::getenv("HOST_VIEW");
  const char* name = nullptr;
  for (auto* prefix : {"/proc/", "/sys/fs/cgroup/"})
    if (std::strncmp(path, prefix, std::strlen(prefix)) == 0) name = path + std::strlen(prefix);
  if (view == nullptr || name == nullptr || std::strchr(name, '/') != nullptr) return path;
  std::snprintf(buffer, sizeof buffer, "%s/%s", view, name);
  return ::access(buffer, R_OK) == 0 ? buffer : path;
}

const char* map_clock() {
  auto* view = std::getenv("HOST_VIEW");
  if (view == nullptr) return nullptr;
  char path[512];
  std::snprintf(path, sizeof path, "%s/clock", view);
  auto open_file = real<int (*)(const char*, int, ...)>("open");
  int fd = open_file(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  auto* page = ::mmap(nullptr, clock_size, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return page == MAP_FAILED ? nullptr : static_cast<const char*>(page);
}

long long clock_offset() {
  static const char* const text = map_clock();
  return text == nullptr ? 0 : std::atoll(text);
}

bool is_old_linux() {
  auto* view = std::getenv("HOST_VIEW");
  return view != nullptr && ::access((std::string(view) + "/old_linux").c_str(), R_OK) == 0;
}

/// Nothing where disks are as they are.
bool disk_percent(unsigned long& percent) {
  auto* view = std::getenv("HOST_VIEW");
  if (view == nullptr) return false;
  char path[512];
  std::snprintf(path, sizeof path, "%s/disk", view);
  auto* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  bool is_there = std::fscanf(file, "%lu", &percent) == 1;
  std::fclose(file);
  return is_there;
}

}  // namespace

extern "C" int open(const char* path, int flags, ...) {
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  auto mode = va_arg(more, mode_t);
  va_end(more);
  char buffer[512];
  return next(shown(path, buffer), flags, mode);
}

extern "C" int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  auto mode = va_arg(more, mode_t);
  va_end(more);
  return open(path, flags, mode);
}

extern "C" int stat(const char* path, struct stat* info) {
  static const auto next = real<int (*)(const char*, struct stat*)>("stat");
  int result = next(path, info);
  if (result == 0 && std::strcmp(path, "/proc/self/fd") == 0 && is_old_linux()) info->st_size = 0;
  return result;
}

extern "C" int clock_gettime(clockid_t clock, timespec* time) {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  int result = next(clock, time);
  if (result != 0 || clock != CLOCK_REALTIME) return result;
  long long at = time->tv_nsec / 1000 + clock_offset();
  long long seconds = at / 1'000'000 - (at % 1'000'000 < 0);
  time->tv_sec += seconds;
  time->tv_nsec = (at - seconds * 1'000'000) * 1000;
  return result;
}

extern "C" int gettimeofday(timeval* time, void*) {
  timespec now{};
  int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}

extern "C" int statvfs(const char* path, struct statvfs* disk) {
  static const auto next = real<int (*)(const char*, struct statvfs*)>("statvfs");
  int result = next(path, disk);
  unsigned long percent = 0;
  if (result != 0 || !disk_percent(percent)) return result;
  disk->f_blocks = 1'000'000;
  disk->f_bfree = disk->f_bavail = disk->f_blocks / 100 * (100 - percent);
  return result;
}
