#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "dist/process.h"
#include "etf/term.h"

namespace muster::dist {

/// A process that a peer spawned here: rpc:call, erpc:call and :cast, spawn, spawn_monitor. The
/// peer has already been told its pid. It lives until finish(), until the peer cancels it
/// (demonitor after a timeout or the caller's death, exit/2), or until the link is lost; after that
/// finish() does nothing. Held by whoever works on it; letting it go unfinished ends it as
/// `killed`.
class Job : public std::enable_shared_from_this<Job> {
 public:
  Job(std::shared_ptr<Link> link, LocalPid pid, const PeerPid& caller, const PeerRef& request,
      std::string_view group_leader, bool is_monitored, bool is_linked);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  /// The process ends with this exit reason; who monitors or links it hears it.
  void finish(const etf::Term& reason);
  void finish_encoded(std::string_view reason);
  bool is_done() const { return is_done_; }

  /// Called at most once, when the peer does not want it any more. May be set before the handler
  /// returns or later.
  void on_cancel(std::function<void()> cancelled) { cancelled_ = std::move(cancelled); }
  /// Messages to its pid (io_reply, say) come here.
  void on_message(std::function<void(const Message&)> handler) { messages_ = std::move(handler); }

  Link& link() const { return *link_; }
  LocalPid pid() const { return pid_; }
  etf::Pid caller() const;
  /// The caller's group leader: send io_requests there to print in its shell.
  etf::Term group_leader() const;
  /// Somebody hears the exit reason: false for casts and plain spawns.
  bool is_monitored() const { return is_monitored_; }

 private:
  friend class Link;
  void cancel();

  std::shared_ptr<Link> link_;
  LocalPid pid_;
  PeerPid caller_;
  PeerRef request_;
  bool is_monitored_, is_linked_, is_done_ = false;
  bool is_kept_ = false;  ///< the link knows it: it was not finished at once
  std::function<void()> cancelled_;
  std::function<void(const Message&)> messages_;
  std::string group_leader_;  ///< encoded
};

/// What is to be run; its views end with the call of the handler.
struct SpawnRequest {
  std::string_view module, function;
  std::uint32_t arity;
  std::string_view arguments;  ///< the encoded argument list, not checked yet
};

/// Who runs what peers spawn here: given to the Node by the layer above. Without one every request
/// is answered `notsup`.
class SpawnHandler {
 public:
  virtual ~SpawnHandler() = default;
  /// Finish the job here at once (the fast path: it costs nothing to keep), or keep it and finish
  /// it later.
  virtual void spawn(std::shared_ptr<Job> job, const SpawnRequest& request) = 0;
  /// The peer is a guest, whose role is none (Link::role): finish the job here with that answer.
  virtual void refuse(std::shared_ptr<Job> job, const SpawnRequest& request) = 0;
};

}  // namespace muster::dist
