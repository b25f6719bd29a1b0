#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "services/orchestration/environment.h"
#include "services/orchestration/rows.h"

/// What is run on hosts: POSIX sh, the same for every kind of host. All run in the host's home
/// unless said otherwise, can be repeated, and print what went wrong. None names a cookie on a
/// command line.
///
/// On the host:
///     .muster/releases/<owner>/<sha256>.tar.gz   archives, one for all nodes made from it
///     .muster/unpack/<id>.<token>        a node's folder while it is being made
///     .muster/trash/<id>.<token>         a folder on its way out
///     <id>/                              a node: its release, and .muster/ with
///         unpacked                       what it was made from: the last file to be written
///         log, pid, start, stop, env     of the start modes that need them
///         joined.<family>, joining.<family>   a join script has succeeded; is at work (its PID)
namespace muster::orchestration::scripts {

/// `owner` tells apart what several machines with one home (a shared disk, several addresses of one
/// host) put there: no one's archive goes with another's last node.
std::string archive_path(const std::string& owner, const std::string& sha256);

/// A file to be written into the node's folder after unpacking.
struct File {
  std::string path;  ///< below the folder, without `..`
  std::string bytes;
};

/// Makes the folder <id> from the archive: under another name first, so that it is there whole or
/// not at all. `token` is fresh for each attempt.
std::string unpack(const std::string& id, const std::string& archive, unsigned strip_components,
                   const std::vector<File>& files, const std::string& token);

/// Starts the node; runs in its folder. With `foreground` and `systemd` it returns at once.
std::string start(StartMode mode, const std::string& id, const std::string& start_cmd,
                  const std::string& stop_cmd, const Environment& environment);
/// Runs a command that joins the node to a cluster; runs in its folder. Once, whatever becomes of
/// us meanwhile: where it has succeeded for this `family` nothing is done, and one that is still at
/// work is waited for, as long as this may take.
std::string join(const std::string& family_id, const std::string& command);

/// The gentle part of stopping it; runs in its folder, with `systemd` anywhere. Empty: there is no
/// gentle part.
std::string stop(StartMode mode, const std::string& id, const std::string& stop_cmd);

/// A process that belongs to a node.
struct Process {
  int pid = 0;
  std::string command;  ///< "beam.smp"
};

/// Lists the processes that belong to the node, of this user only: those whose folder, program or
/// command line lies in the node's folder, or whose environment says so. epmd is not among them: it
/// serves the whole host.
std::string survey(const std::string& id);
std::vector<Process> parse_survey(std::string_view output);
/// Signals the same processes (TERM or KILL) after it has killed their hearts, which would start
/// them again; then lists as survey() does.
std::string signal(const std::string& id, std::string_view signal);

/// Kills what is left and removes everything of the node; fails with a list of what stays.
/// `is_last` when the host has no other node of ours: then the empty folders go as well, and an
/// epmd of this user's whose program lies in the node's folder, unless a name is registered with
/// it.
std::string remove(const std::string& id, bool is_last);
std::string remove_archive(const std::string& archive);

/// The end of the newest log in the node's folder.
std::string log_tail(const std::string& id);

}  // namespace muster::orchestration::scripts
