#pragma once

#include <optional>
#include <string_view>

#include "dist/wire_ids.h"
#include "etf/term.h"

namespace muster::dist {

class Link;
class Node;

/// A message that came for a process of ours. Its views end with the call that it is passed to.
struct Message {
  Link& link;                   ///< the peer that sent it; keep it with link.shared_from_this()
  LocalPid to;                  ///< who got it
  std::optional<PeerPid> from;  ///< the sender, where the peer says it
  std::string_view payload;     ///< encoded, as it came: not checked yet
  std::string_view token;       ///< its seq_trace token, encoded; usually empty

  /// The message as a term; nothing when the peer sent rubbish, and then its link is closed.
  std::optional<etf::Term> decode() const;
};

/// The end of somebody a process of ours is linked with, or exit/2 from a peer.
struct ExitSignal {
  Link* link;  ///< null once the link is lost (reason noconnection)
  etf::Pid from;
  etf::Term reason;
  bool is_linked;  ///< a link broke; otherwise exit(Pid, Reason)
};

/// Something with a pid that peers can name, send to, monitor and link with.
/// Owned by the Node from spawn() to exit(), shared with who made it. Called on the io_context's
/// thread, never re-entrantly from its own sends. Monitors that peers hold on it are kept by the
/// Node: they fire at exit() with its reason. Losing a peer needs no care here, except for links.
class Process {
 public:
  virtual ~Process() = default;
  virtual void on_message(const Message& message) = 0;
  /// The same from a guest: a peer whose role is none (Link::role). False: guests have no business
  /// here, as by default; whether it is told so is up to the process, counting it is not.
  virtual bool on_guest_message(const Message&) { return false; }
  /// By default exits are ignored, as by a process that traps them.
  virtual void on_exit_signal(const ExitSignal&) {}

  LocalPid pid() const { return pid_; }

 private:
  friend class Node;
  LocalPid pid_;
};

}  // namespace muster::dist
