#include "services/orchestration/scripts.h"

#include <fmt/format.h>

#include <charconv>

#include "base/clean_text.h"
#include "drivers/shell.h"

namespace muster::orchestration::scripts {
namespace {

using drivers::quote;

/// {0} id. Defines muster_processes: "pid command" a line. grep gets few files at a time, so a host
/// with many processes does not overflow a command line; it may find itself and xargs, which are
/// gone when we look at what was found.
constexpr std::string_view kProcesses = R"sh(
muster_processes() {{
for muster_p in $(cd /proc && {{
printf '%s\n' [0-9]*/environ [0-9]*/cmdline |
xargs grep -lsF -e '/{0}' -e 'MUSTER_NODE_NAME={0}@'
printf '%s\n' [0-9]*/cwd [0-9]*/exe | xargs ls -l 2>/dev/null |
sed -n 's|.* \([0-9][0-9]*\)/[a-z]* -> .*/{0}.*|\1/|p'
}} | sed 's|/.*||' | sort -u); do
[ "$muster_p" != $$ ] && [ -O "/proc/$muster_p" ] || continue
read -r muster_c <"/proc/$muster_p/comm" || continue
[ "$muster_c" = epmd ] || printf '%s %s\n' "$muster_p" "$muster_c"
done 2>/dev/null
}}
)sh";

constexpr std::string_view kSignal = R"sh(
muster_found=$(muster_processes)
printf '%s\n' "$muster_found" | while read -r muster_p muster_c; do
[ "$muster_c" != heart ] || kill -KILL "$muster_p"
done 2>/dev/null
printf '%s\n' "$muster_found" | while read -r muster_p muster_c; do
[ -z "$muster_p" ] || kill -{0} "$muster_p"
done 2>/dev/null
)sh";

/// `systemctl --user` needs to know where its manager listens; a login by SSH does not always say.
constexpr std::string_view kSystemd = R"sh(
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
export XDG_RUNTIME_DIR
)sh";

std::string write(const std::string& path, std::string_view bytes) {
  return "printf %s " + quote(bytes) + " >" + quote(path) + "\n";
}

std::string unit_name(const std::string& id) {
  return "muster-" + id + ".service";
}

std::string start_foreground(const std::string& start_cmd) {
  return "mkdir -p .muster\n" + write(".muster/start", start_cmd + "\n") +
         R"sh(muster_detach=
command -v setsid >/dev/null && muster_detach=setsid
nohup $muster_detach /bin/sh -c 'echo $$ >.muster/pid; exec /bin/sh .muster/start' \
</dev/null >>.muster/log 2>&1 &
)sh";
}

std::string start_systemd(const std::string& id, const std::string& start_cmd,
                          const std::string& stop_cmd, const Environment& environment) {
  std::string script = "set -e\numask 077\nmkdir -p .muster\n";
  script += write(".muster/start", start_cmd + "\n");
  script += write(".muster/stop", stop_cmd + "\n");
  script += write(".muster/env", environment_file(environment));
  script += kSystemd;
  script +=
      fmt::format(R"sh(
command -v systemctl >/dev/null || {{ echo 'there is no systemctl on this host'; exit 1; }}
units=${{XDG_CONFIG_HOME:-$HOME/.config}}/systemd/user
mkdir -p "$units"
cat >"$units/{0}" <<muster_unit
[Unit]
Description=Erlang node {1}
[Service]
WorkingDirectory=$(pwd -P)
EnvironmentFile=$(pwd -P)/.muster/env
ExecStart=/bin/sh .muster/start
{2}Restart=on-failure
RestartSec=2
[Install]
WantedBy=default.target
muster_unit
loginctl enable-linger >/dev/null 2>&1 || echo 'no linger: the node ends with the last login'
systemctl --user daemon-reload
systemctl --user enable {0} >/dev/null 2>&1 || :
systemctl --user restart {0}
)sh",
                  unit_name(id), id, stop_cmd.empty() ? "" : "ExecStop=/bin/sh .muster/stop\n");
  return script;
}

}  // namespace

std::string archive_path(const std::string& owner, const std::string& sha256) {
  return ".muster/releases/" + owner + "/" + sha256 + ".tar.gz";
}

std::string unpack(const std::string& id, const std::string& archive, unsigned strip_components,
                   const std::vector<File>& files, const std::string& token) {
  // Another attempt may still be at work, after the daemon died: what unpacks for it is ended, and
  // its folder is moved away in one piece, so that it cannot be finished half-made. What it still
  // writes there goes with the node.
  std::string script = fmt::format(R"sh(set -e
umask 077
[ ! -e {0}/.muster/unpacked ] || exit 0
[ -e {2} ] || {{ echo "the archive is not on the host"; exit 66; }}
for old in .muster/unpack/{0}.*; do
[ -e "$old" ] || continue
for pid in $(cd /proc 2>/dev/null && printf '%s\n' [0-9]*/cmdline |
xargs grep -lsF -e 'unpack/{0}.' | sed 's|/.*||'); do
[ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null || :
done
mkdir -p .muster/trash
mv "$old" ".muster/trash/{0}.{1}" || :
rm -rf ".muster/trash/{0}.{1}" 2>/dev/null || :
done
new=.muster/unpack/{0}.{1}
mkdir -p "$new/.muster" || mkdir -p "$new/.muster"
tar -xzof {2} --no-same-permissions -C "$new" --strip-components={3}
home=$PWD
cd "$new"
)sh",
                                   id, token, archive, strip_components);
  for (auto& file : files) script += write(file.path, file.bytes);
  script += write(".muster/unpacked", archive + "\n");
  script += fmt::format(R"sh(cd "$home"
mv -T "$new" {0} 2>/dev/null || mv "$new" {0}
)sh",
                        id);
  return script;
}

std::string start(StartMode mode, const std::string& id, const std::string& start_cmd,
                  const std::string& stop_cmd, const Environment& environment) {
  switch (mode) {
    case StartMode::foreground:
      return start_foreground(start_cmd);
    case StartMode::systemd:
      return start_systemd(id, start_cmd, stop_cmd, environment);
    default:
      return start_cmd;
  }
}

std::string join(const std::string& family_id, const std::string& command) {
  // A lock whose holder is gone is nobody's: it was killed, or the host went down; a PID alone
  // might be another process by then. `ln` makes the lock and what it says one step.
  return fmt::format(R"sh(mkdir -p .muster || exit 1
muster_who() {{
sed -n 's/^\([0-9]*\) (.*) [^ZX] \([^ ]* \)\{{18\}}\([0-9]*\) .*/\1 \3/p' "/proc/$1/stat" 2>/dev/null
}}
muster_j=.muster/joining.{0}
muster_who $$ >"$muster_j.$$" || exit 1
trap 'rm -f "$muster_j.$$"' EXIT
until ln "$muster_j.$$" "$muster_j" 2>/dev/null; do
muster_h=$(cat "$muster_j" 2>/dev/null)
if [ -n "$muster_h" ] && [ "$(muster_who "${{muster_h%% *}}")" != "$muster_h" ]
then rm -f "$muster_j"
else sleep 1
fi
done
if [ -e .muster/joined.{0} ]; then rm -f "$muster_j"; exit 0; fi
( trap - EXIT
eval {1} )
muster_c=$?
[ $muster_c -ne 0 ] || : >.muster/joined.{0}
rm -f "$muster_j"
exit $muster_c
)sh",
                     family_id, quote(command));
}

std::string stop(StartMode mode, const std::string& id, const std::string& stop_cmd) {
  if (mode != StartMode::systemd) return stop_cmd;
  return std::string(kSystemd) + "systemctl --user disable --now " + unit_name(id);
}

std::string survey(const std::string& id) {
  return fmt::format(kProcesses, id) + "muster_processes\n";
}

std::vector<Process> parse_survey(std::string_view output) {
  constexpr std::size_t most = 200, longest = 64;  // the host's own words
  std::vector<Process> processes;
  while (!output.empty() && processes.size() < most) {
    auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    Process process;
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), process.pid);
    if (error != std::errc{} || process.pid <= 1) continue;
    line.remove_prefix(end - line.data());
    if (!line.empty()) process.command = clean_text(line.substr(1), longest);
    processes.push_back(std::move(process));
  }
  return processes;
}

std::string signal(const std::string& id, std::string_view signal) {
  return fmt::format(kProcesses, id) + fmt::format(kSignal, signal) + "muster_processes\n";
}

std::string remove(const std::string& id, bool is_last) {
  std::string script = fmt::format(kProcesses, id) + std::string(kSystemd);
  script += fmt::format(R"sh(
unit=${{XDG_CONFIG_HOME:-$HOME/.config}}/systemd/user/{1}
if [ -e "$unit" ]; then
systemctl --user disable --now {1} >/dev/null 2>&1
rm -f "$unit"
systemctl --user daemon-reload >/dev/null 2>&1
fi
for muster_try in 1 2 3 4 5; do
[ -n "$(muster_processes)" ] || break
{2}
[ $muster_try = 1 ] || sleep 1
done
)sh",
                        id, unit_name(id), fmt::format(kSignal, "KILL"));
  if (is_last) {
    // One that was started from elsewhere is the host's own. It refuses while a name is registered
    // with it, and is asked on the port that it was started with.
    script += fmt::format(R"sh(for muster_p in $(cd /proc && printf '%s\n' [0-9]*/exe |
xargs ls -l 2>/dev/null | sed -n 's|.* \([0-9][0-9]*\)/exe -> .*/{0}/.*/epmd$|\1|p'); do
[ -O "/proc/$muster_p" ] || continue
( muster_v=$(tr '\000' '\n' <"/proc/$muster_p/environ" | sed -n 's/^ERL_EPMD_PORT=//p')
[ -z "$muster_v" ] || export ERL_EPMD_PORT="$muster_v"
"/proc/$muster_p/exe" -kill >/dev/null 2>&1 )
done 2>/dev/null
)sh",
                          id);
  }
  // Moved first: a folder that is there is whole.
  script += fmt::format(R"sh(mkdir -p .muster/trash
[ ! -e {0} ] || mv {0} .muster/trash/{0}.gone 2>/dev/null
rm -rf {0} .muster/trash/{0}.* .muster/unpack/{0}.* /tmp/erl_pipes/{0}@* 2>/dev/null
for rest in {0} .muster/trash/{0}.* .muster/unpack/{0}.*; do
[ ! -e "$rest" ] || chmod -R u+rwX "$rest" 2>/dev/null
done
rm -rf {0} .muster/trash/{0}.* .muster/unpack/{0}.*
left=$(for rest in {0} .muster/trash/{0}.* .muster/unpack/{0}.* /tmp/erl_pipes/{0}@*; do
[ ! -e "$rest" ] || find "$rest" ! -type d -o -empty | head -n 50
done 2>/dev/null
muster_processes | sed 's/^/process /')
if [ -n "$left" ]; then
echo 'could not be removed:'
printf '%s\n' "$left"
exit 1
fi
)sh",
                        id);
  if (is_last) script += "rmdir .muster/unpack .muster/trash 2>/dev/null || :\n";
  return script;
}

std::string remove_archive(const std::string& archive) {
  return fmt::format(
      "rm -f {0} {0}.part || exit 1\nrmdir {1} .muster/releases .muster/unpack .muster/trash "
      ".muster 2>/dev/null || :\n",
      archive, archive.substr(0, archive.rfind('/')));
}

std::string log_tail(const std::string& id) {
  return fmt::format(
      R"sh(newest=$(ls -t {0}/.muster/log {0}/log/*.log* {0}/log/erlang.log.* {0}/tmp/log/* \
{0}/erl_crash.dump 2>/dev/null | head -n 1)
[ -z "$newest" ] || {{ echo "end of $newest:"; tail -c 3000 "$newest"; }}
)sh",
      id);
}

}  // namespace muster::orchestration::scripts
