#include "drivers/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/clean_text.h"
#include "base/random.h"

namespace muster::drivers {
namespace {

bool is_variable(std::string_view name) {
  auto is_word = [](unsigned char c) { return c == '_' || std::isalnum(c); };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(), is_word);
}

/// {0} token, {1} setup, {2} seconds, {3} exports, {4} cd, {5} script, {6} bytes of output.
/// Descriptors: 4 and 5 the output file for reading and for appending.
/// The subshell with `sleep` is the limit: it wakes this shell by ALRM and takes its sleep along
/// when it is not needed any more. No program is started that need not be: each command of each
/// deployment pays for it. All is one compound command, read before any of it runs. KILL 0 ends
/// whatever ignored TERM, this shell last of all.
constexpr std::string_view kWrapper = R"sh({{
exec 2>/dev/null
trap muster_l=1 ALRM
muster_l=
{1}
muster_f=${{TMPDIR:-/tmp}}/.{0}
muster_e=$(umask 077; set -C; exec 2>&1; : >"$muster_f") || {{
muster_f=./.{0}
muster_e=$(umask 077; set -C; exec 2>&1; : >"$muster_f") || {{
printf '\n{0} nofile %s\n' "$muster_e"
exit 1
}}
}}
exec 4<"$muster_f" 5>>"$muster_f"
rm -f "$muster_f"
printf '\n{0} begin\n'
( trap 'kill -KILL $!; exit 0' TERM; sleep {2} & wait $!; kill -ALRM $$ ) >/dev/null 4<&- 5>&- &
muster_w=$!
( trap - ALRM
{3}{4}eval {5} ) </dev/null >&5 2>&5 4<&- 5>&- &
muster_p=$!
while :; do
wait $muster_p
muster_c=$?
[ -n "$muster_l" ] && break
kill -0 $muster_p || break
done
if [ -n "$muster_l" ]; then
trap : TERM
kill -TERM 0
sleep 1
tail -c {6} <&4
printf '\n{0} limit 0\n'
kill -KILL 0
fi
kill $muster_w
if [ -s /proc/self/fd/4 ] || ! [ -e /proc/self/fd/4 ]; then tail -c {6} <&4; fi
printf '\n{0} exit %d\n' $muster_c
exit 0
}}
)sh";

std::string blank(std::string text, const Command& command) {
  std::vector<std::string_view> values;
  for (const auto& [name, secret] : command.secrets) values.push_back(secret.reveal());
  for (const auto& secret : command.hidden) values.push_back(secret.reveal());
  // The longest first: what is part of another would leave the rest of it readable.
  auto is_longer = [](std::string_view a, std::string_view b) { return a.size() > b.size(); };
  std::sort(values.begin(), values.end(), is_longer);
  for (auto value : values) {
    if (value.empty()) continue;
    for (auto at = text.find(value); at != text.npos; at = text.find(value, at + 8))
      text.replace(at, value.size(), "********");
  }
  return text;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

Result<ShellRun> ShellRun::prepare(Command command, std::string setup) {
  std::string exports;
  auto add = [&exports](const std::string& name, const std::string& value) {
    exports += "export " + name + "=" + quote(value) + "\n";
    return is_variable(name);
  };
  for (const auto& [name, value] : command.env) {
    if (!add(name, value))
      return Error(Errc::bad_request,
                   fmt::format("'{}' cannot be a variable", clean_text(name, 200)));
  }
  for (const auto& [name, value] : command.secrets) {
    if (!add(name, value.reveal()))
      return Error(Errc::bad_request,
                   fmt::format("'{}' cannot be a variable", clean_text(name, 200)));
  }
  ShellRun run;
  run.token_ = "muster-" + random_hex(16);
  std::string cd;
  if (!command.directory.empty()) cd = "cd -- " + quote(command.directory) + " || exit 1\n";
  run.text_ = fmt::format(kWrapper, run.token_, setup, std::max<long>(1, command.limit.count()),
                          exports, cd, quote(command.script), command.output_limit);
  if (run.text_.find('\0') != run.text_.npos)
    return Error(Errc::bad_request, "a script or a variable holds a NUL byte");
  run.command_ = std::move(command);
  return run;
}

bool ShellRun::feed(std::string_view bytes) {
  // What a login shell's start files print comes before the first marker, and is not much.
  const auto room = command_.output_limit + 64 * 1024;
  received_.append(bytes.substr(0, room - std::min(room, received_.size())));
  return has_ended();
}

bool ShellRun::has_ended() const {
  // The last marker is the last line.
  if (!received_.ends_with('\n')) return false;
  const auto line = received_.rfind('\n', received_.size() - 2);
  if (line == received_.npos) return false;
  const auto last = std::string_view(received_).substr(line + 1);
  return last.starts_with(token_) && !last.starts_with(token_ + " begin");
}

Result<CommandResult> ShellRun::finish(std::chrono::milliseconds duration) const {
  const std::string_view all = received_;
  const std::string begin = "\n" + token_ + " begin\n";
  const auto first = all.find(begin);
  if (first == all.npos) {
    // On a line of its own: a host that only repeats what it is told has it in the middle of one.
    const std::string no_file = "\n" + token_ + " nofile ";
    const auto failed = all.find(no_file);
    auto said = [&](std::size_t from) {
      return clean_text(blank(std::string(all.substr(from)), command_), 500, Lines::kept);
    };
    if (failed == all.npos) return Error(Errc::unavailable, "no shell there: " + said(0));
    return Error(Errc::quota,
                 "no place for the command's output: " + said(failed + no_file.size()));
  }
  const auto start = first + begin.size();
  const std::string marker = "\n" + token_ + " ";
  const auto last = all.rfind(marker);
  if (last == all.npos || last + 1 < start || !all.ends_with('\n'))
    return Error(Errc::unavailable, "the command's shell was killed before it could tell its end");
  const auto words = all.substr(last + marker.size());
  CommandResult result;
  result.duration = duration;
  result.output = blank(std::string(last < start ? "" : all.substr(start, last - start)), command_);
  if (words.starts_with("limit ")) {
    result.end = CommandResult::End::timed_out;
    result.code = 0;
    return result;
  }
  const auto number = words.substr(words.find(' ') + 1);
  std::from_chars(number.data(), number.data() + number.size(), result.code);
  if (result.code > 128 && result.code < 128 + 65) {
    result.end = CommandResult::End::signalled;
    result.code -= 128;
  }
  return result;
}

}  // namespace muster::drivers
