#include "drivers/host.h"

#include <fmt/format.h>

#include <charconv>

#include "drivers/shell.h"

namespace muster::drivers {
namespace {

constexpr std::string_view kFacts = R"sh(printf 'home=%s\n' "$PWD"
printf 'user=%s\n' "$(id -un)"
printf 'architecture=%s\n' "$(uname -m)"
printf 'kernel=%s\n' "$(uname -sr)"
printf 'files=%s\n' "$(ulimit -Sn)"
df -Pk . | { read -r _; read -r _ _ _ free _ && printf 'disk=%s\n' "$free"; }
: "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"
export XDG_RUNTIME_DIR
systemctl --user show-environment >/dev/null 2>&1 && echo systemd=yes
:)sh";

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

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
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

Task<> Host::write_file(std::string path, std::string bytes, unsigned mode) {
  Command command;
  command.script =
      fmt::format(R"sh(set -e
umask 077
p={}
d=$(dirname -- "$p")
mkdir -p -- "$d"
t=$(mktemp "$d/.muster.XXXXXXXXXX")
trap 'rm -f -- "$t"' EXIT
cat >"$t"
[ "$(wc -c <"$t")" -eq {} ]
chmod {:o} "$t"
mv -f -- "$t" "$p")sh",
                  quote(path.starts_with('/') ? path : "./" + path), bytes.size(), mode & 07777u);
  command.input = std::move(bytes);
  CO_TRY(auto output, co_await expect(std::move(command), "write " + path));
  (void)output;
  co_return Result<>{};
}

Task<HostFacts> Host::facts() {
  Command command;
  command.script = kFacts;
  command.limit = std::chrono::seconds(20);
  CO_TRY(auto output, co_await expect(std::move(command), "ask what the host is"));
  HostFacts facts;
  for (std::string_view rest = output; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto key = line.substr(0, line.find('='));
    const auto value = line.substr(std::min(line.size(), key.size() + 1));
    if (key == "home") facts.home = value;
    if (key == "user") facts.user = value;
    if (key == "architecture") facts.architecture = value;
    if (key == "kernel") facts.kernel = value;
    if (key == "files") facts.max_open_files = number(value);
    if (key == "disk") facts.disk_free = number(value) * 1024;
    if (key == "systemd") facts.has_user_systemd = true;
  }
  if (!facts.home.starts_with('/'))
    co_return Error(Errc::unavailable, name() + " does not say where its home directory is");
  co_return facts;
}

}  // namespace muster::drivers
