// Preloaded into a daemon (LD_PRELOAD): kills it right before or right after its nth database
// commit, so that a test can try every write without the daemon knowing. It watches what SQLite
// does to the write-ahead log: pages are written with pwrite64, then fdatasync makes the commit
// durable.
//
// CRASH_POINT names a file. While it exists, commits are counted from its first sight on; it says
// "before N", "after N", or "count". The number of commits so far is written to CRASH_POINT.count.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool is_log(int fd) {
  char link[64], name[512];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  auto size = ::readlink(link, name, sizeof name - 1);
  if (size < 0) return false;
  name[size] = 0;
  auto* end = std::strrchr(name, '/');
  return end != nullptr && std::strcmp(end, "/muster.db-wal") == 0;
}

struct Order {
  char when[16] = "";
  long at = 0;
};

bool read_order(Order& order) {
  auto* path = std::getenv("CRASH_POINT");
  if (path == nullptr) return false;
  auto* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  bool is_good = std::fscanf(file, "%15s %ld", order.when, &order.at) >= 1;
  std::fclose(file);
  return is_good;
}

long commits = 0;  // one thread of the daemon's writes

void note() {
  char path[512];
  std::snprintf(path, sizeof path, "%s.count", std::getenv("CRASH_POINT"));
  if (auto* file = std::fopen(path, "w")) {
    std::fprintf(file, "%ld\n", commits);
    std::fclose(file);
  }
}

void die() {
  ::kill(::getpid(), SIGKILL);
  ::pause();
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  static auto* real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  Order order;
  if (is_log(fd) && read_order(order) && std::strcmp(order.when, "before") == 0 &&
      commits + 1 == order.at)
    die();
  return real(fd, bytes, size, offset);
}

extern "C" int fdatasync(int fd) {
  static auto* real = next<int(int)>("fdatasync");
  int result = real(fd);
  Order order;
  if (is_log(fd) && read_order(order)) {
    ++commits;
    note();
    if (std::strcmp(order.when, "after") == 0 && commits == order.at) die();
  }
  return result;
}
