#include "dist/large_frame.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace muster::dist {
namespace {

Error no_memory(std::size_t size) {
  return Error(Errc::unavailable, fmt::format("no memory for a message of {} bytes", size));
}

}  // namespace

Result<std::unique_ptr<LargeFrame>> LargeFrame::expect(std::size_t size) {
  // What nobody may write counts nowhere, not even where the system never promises too much.
  auto* at = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return no_memory(size);
  return std::unique_ptr<LargeFrame>(new LargeFrame(static_cast<char*>(at), size));
}

LargeFrame::~LargeFrame() {
  ::munmap(data_, size_);
}

Result<> LargeFrame::take(std::string_view& bytes) {
  auto count = std::min(bytes.size(), size_ - arrived_);
  while (arrived_ + count > usable_) {
    auto more = std::min(step, size_ - usable_);
    if (::mprotect(data_ + usable_, more, PROT_READ | PROT_WRITE) != 0) return no_memory(size_);
    usable_ += more;
  }
  std::memcpy(data_ + arrived_, bytes.data(), count);
  arrived_ += count;
  bytes.remove_prefix(count);
  return {};
}

bool LargeFrame::give_back(std::size_t most) {
  auto kept = arrived_ > most ? (arrived_ - most) / step * step : 0;
  ::madvise(data_ + kept, arrived_ - kept, MADV_DONTNEED);
  arrived_ = kept;
  return arrived_ > 0;
}

}  // namespace muster::dist
