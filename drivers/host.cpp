#include "drivers/host.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clean_text.h"

namespace muster::drivers {
namespace {

bool says_disk_full(const std::string& output) {
  return output.find("No space left on device") != output.npos ||
         output.find("Disk quota exceeded") != output.npos;
}

}  // namespace

std::string CommandResult::how() const {
  if (end == End::signalled) return fmt::format("killed by signal {}", code);
  if (end == End::exited) return fmt::format("exit code {}", code);
  return fmt::format("stopped at its limit after {:.1f} s", duration.count() / 1000.0);
}

std::string last_lines(std::string_view output, std::size_t most) {
  auto end = output.substr(output.size() - std::min(output.size(), most));
  auto line = end.size() < output.size() ? end.find('\n') : end.npos;
  if (line != end.npos && line + 1 < end.size()) end.remove_prefix(line + 1);
  auto text = clean_text(end, any_length, Lines::kept);
  if (text.size() > most) text.erase(0, text.size() - most);
  while (!text.empty() && (text.front() & 0xc0) == 0x80) text.erase(0, 1);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Task<std::string> Host::expect(Command command, std::string doing) {
  auto ran = co_await run(std::move(command));
  if (!ran) co_return std::move(ran).error().context(doing);
  if (ran->succeeded()) co_return std::move(ran->output);
  auto output = last_lines(ran->output, 4000);
  auto message = fmt::format("{} on {}: {}{}{}", doing, name(), ran->how(),
                             output.empty() ? "" : ": ", output);
  if (says_disk_full(ran->output))
    co_return Error(Errc::quota, fmt::format("the disk of {} is full: {}", name(), message));
  co_return Error(ran->end == CommandResult::End::timed_out ? Errc::timeout : Errc::conflict,
                  std::move(message));
}

}  // namespace muster::drivers
