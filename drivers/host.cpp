#include "drivers/host.h"

#include <fmt/format.h>

#include "drivers/shell.h"

namespace muster::drivers {
namespace {

/// The end of an output: its last lines are what says why.
std::string end_of(const std::string& output) {
  constexpr std::size_t most = 4000;
  auto text = readable(output.size() > most ? std::string_view(output).substr(output.size() - most)
                                            : std::string_view(output));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

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

Task<std::string> Host::expect(Command command, std::string doing) {
  auto ran = co_await run(std::move(command));
  if (!ran) co_return std::move(ran).error().context(doing);
  if (ran->succeeded()) co_return std::move(ran->output);
  auto output = end_of(ran->output);
  auto message = fmt::format("{} on {}: {}{}{}", doing, name(), ran->how(),
                             output.empty() ? "" : ": ", output);
  if (says_disk_full(ran->output))
    co_return Error(Errc::quota, fmt::format("the disk of {} is full: {}", name(), message));
  co_return Error(ran->end == CommandResult::End::timed_out ? Errc::timeout : Errc::conflict,
                  std::move(message));
}

}  // namespace muster::drivers
