// Preloaded into a daemon (LD_PRELOAD): its loop works for 1.5 s, for nothing, whenever there is
// the file BUSY_LOOP, which is then gone.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  static auto* real =
      reinterpret_cast<int (*)(int, epoll_event*, int, int)>(::dlsym(RTLD_NEXT, "epoll_wait"));
  static const char* const file = std::getenv("BUSY_LOOP");
  if (file != nullptr && ::gettid() == ::getpid() && ::unlink(file) == 0) {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    const auto end = used.tv_sec * 1'000 + used.tv_nsec / 1'000'000 + 1'500;
    while (used.tv_sec * 1'000 + used.tv_nsec / 1'000'000 < end)
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  }
  return real(epoll, events, count, timeout);
}
