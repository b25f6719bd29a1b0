#pragma once

#include <sys/prctl.h>
#include <sys/stat.h>

namespace muster::app {

/// For a process that holds secrets: what it makes is its user's alone (umask 077), it leaves no
/// core dump, whatever the limits and the system's dump handler are, and no other process of its
/// user can look into its memory. What it starts (the nodes of this machine) gets neither: a
/// program that is executed may be dumped again, and the local driver gives the umask back.
inline void guard_process() {
  ::umask(077);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace muster::app
