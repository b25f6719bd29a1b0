#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/budget.h"
#include "base/result.h"
#include "dist/channel.h"
#include "dist/control.h"
#include "dist/frame_writer.h"
#include "dist/handshake.h"
#include "dist/large_frame.h"
#include "dist/link_error.h"
#include "dist/liveness.h"
#include "dist/monitor_table.h"
#include "dist/process.h"
#include "dist/proof.h"
#include "etf/check.h"
#include "etf/term.h"

namespace muster::dist {

class Job;
class NodeCore;
struct SelfName;

/// How a call ended on the peer, with the class kept, so that a caller can raise the same again.
struct CallOutcome {
  enum class Kind { returned, threw, exited, failed };
  Kind kind = Kind::returned;
  etf::Term value;  ///< what it returned, threw, or the reason
  etf::Term stack;  ///< of `failed`: the stack trace

  bool is_ok() const { return kind == Kind::returned; }
};

/// A monitor of ours; letting it go is demonitor. Moves; may outlive the link.
class MonitorHandle {
 public:
  MonitorHandle() = default;
  MonitorHandle(std::weak_ptr<Link> link, std::uint64_t ref) : link_(std::move(link)), ref_(ref) {}
  MonitorHandle(MonitorHandle&& other) noexcept;
  MonitorHandle& operator=(MonitorHandle&& other) noexcept;
  ~MonitorHandle() { reset(); }
  void reset();

 private:
  std::weak_ptr<Link> link_;
  std::uint64_t ref_ = 0;
};

/// One authenticated connection with one peer.
/// Owned by the Node while it is up; whoever keeps a shared_ptr longer finds is_up() false, sends
/// that go nowhere and calls that fail with LinkError::closed. Lives on the io_context's thread.
/// What is sent is queued and written at the end of the loop's turn; the queue is bounded
/// (Limits::queued): a peer that does not read loses its link. What it holds in memory is claimed
/// from NodeConfig::budget; refused there, or told to go, the link is closed (overloaded).
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using Down = std::function<void(const etf::Term& reason)>;

  /// Made by the node from a connection that has authenticated.
  Link(std::shared_ptr<NodeCore> core, Channel channel, HandshakePeer peer, Proof proof,
       bool is_outgoing);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const std::string& peer() const { return peer_; }     ///< its node name
  const std::string& self() const;                      ///< our name on this link
  std::uint32_t creation() const { return creation_; }  ///< the peer's; 0: it did not say
  std::uint64_t flags() const { return flags_; }        ///< the peer's, as it announced them
  bool is_hidden() const;                               ///< the peer does not publish itself
  bool is_dynamic() const { return is_dynamic_; }       ///< we gave it its name
  bool is_outgoing() const { return is_outgoing_; }     ///< we dialled
  bool is_tls() const { return channel_.is_tls(); }
  bool is_up() const { return is_up_; }
  /// With which cookie; its text is kept only for one of the peer's own.
  const Proof& proof() const { return proof_; }
  /// What the peer may do here now. With none it is a guest: it may ping, print at our group
  /// leader, answer us, and send to processes that take messages of guests; nothing else.
  Role role() const;
  std::uint64_t forbidden() const { return forbidden_; }  ///< what it asked for as a guest

  /// One of our processes, as this peer knows it.
  etf::Pid pid(LocalPid local) const;
  /// A process of the peer.
  etf::Pid pid(PeerPid remote) const;

  /// Pid ! message. The pid must be the peer's own (Node::send finds the link for any).
  void send(const etf::Pid& to, const etf::Term& message, LocalPid from = {});
  void send_encoded(const etf::Pid& to, std::string_view message, LocalPid from = {});
  /// {Name, Node} ! message.
  void send(std::string_view name, const etf::Term& message, LocalPid from = {});
  /// gen_server:cast.
  void cast(std::string_view name, const etf::Term& request);

  /// M:F(A...) on the peer by erpc, or through rex where the peer is older than OTP 23. Errors of
  /// the Task: timeout (the peer is told to kill it), closed, too_large (more than `most`, too),
  /// unsupported. A cancelled caller cancels it on the peer, too.
  Task<CallOutcome> apply(std::string module, std::string function,
                          std::vector<etf::Term> arguments, Duration limit, etf::Limits most = {});
  /// What the answers to the daemon's own questions have at most: what is longer is no answer, and
  /// a millisecond or two of the loop go by with it.
  static constexpr etf::Limits short_answer{64, 20'000};
  /// The same when only a returned value is of use, which is short; everything else is an Error
  /// that says how it ended.
  Task<etf::Term> call(std::string module, std::string function, std::vector<etf::Term> arguments,
                       Duration limit);
  /// gen_server:call({name, peer}, request). Errors: not_found (noproc), unavailable (it ended
  /// meanwhile; the reason is in the message), timeout, closed.
  Task<etf::Term> gen_call(std::string name, etf::Term request, Duration limit,
                           etf::Limits most = {});

  /// erlang:monitor: `down` is called once with the reason (noproc, noconnection, …), from the loop
  /// and not from here, unless the handle goes first.
  [[nodiscard]] MonitorHandle monitor(const etf::Pid& process, Down down);
  [[nodiscard]] MonitorHandle monitor(std::string_view name, Down down);
  /// exit(Pid, Reason).
  void exit(const etf::Pid& remote, const etf::Term& reason, LocalPid from = {});

  /// Bytes that wait to be written.
  std::size_t queued() const;
  /// What others hold for this peer is claimed here; the link must outlive the claim.
  Budget::Holder& holder() { return holder_; }
  /// Ends when the queue is short again (Limits::writable). Error: closed.
  Task<> writable();

  /// Ends it; listeners hear `why` from the loop.
  void close(LinkError why);
  /// The same because the peer sent what no node sends; the log says what.
  void fail(const Error& what);

 private:
  friend class MonitorHandle;
  friend class Caller;
  friend class Job;
  friend class NodeCore;
  struct Pending;
  struct OwnMonitor {
    Down down;
    std::string target;  ///< encoded pid or name
  };

  // link_io.cpp: bytes in and out.
  void start(std::string_view already_read);
  void read_more();
  bool is_worth_batching(int messages, std::size_t bytes, Liveness::Clock::time_point now);
  void set_batching(bool is_batching);
  void read_rest();
  void read_after_pause();
  void on_readable(boost::system::error_code ec, std::size_t count);
  bool read_into_scratch(std::size_t& have);
  int consume(std::string_view bytes);
  bool take_large(std::string_view& bytes);
  void refuse_frame(std::string_view beginning, std::uint32_t size);
  bool is_own() const { return proof_.of == Proof::Of::own; }
  std::size_t most_frame() const;
  std::size_t most_entries() const;
  void claim();
  void queue(FrameWriter& frame);
  void flush();
  void check_life(Liveness::Clock::time_point now);
  void release_memory();
  /// Everything that waits for this peer is told; from the loop, once.
  void come_down(LinkError why);

  // link_signals.cpp: what the peer says.
  void handle(std::string_view frame);
  void handle_spawn(const Control& control);
  void handle_monitor(const Control& control);
  void handle_demonitor(const Control& control);
  void handle_monitor_exit(const Control& control);
  void handle_link(const Control& control);
  void handle_exit(const Control& control);
  void handle_answer(std::string_view payload);
  Pending* answered_by(std::string_view& payload);
  void deliver(LocalPid to, const Control& control);
  bool is_guest() const { return role() == Role::none; }
  bool may_see(LocalPid target) const;
  void count_forbidden();
  bool is_peers(const WirePid& pid) const;
  bool is_ours(const WirePid& pid) const;
  bool is_ours(const WireRef& ref) const;

  // link_calls.cpp: what we ask of the peer.
  Task<CallOutcome> apply_by_rex(std::string module, std::string function,
                                 std::vector<etf::Term> arguments, Duration limit,
                                 etf::Limits most);
  MonitorHandle monitor_encoded(std::string target, Down down);
  void demonitor(std::uint64_t ref);

  FrameWriter frame(Op op, unsigned arity);
  bool can(std::uint64_t flag) const { return (flags_ & flag) != 0; }
  LocalPid or_caller(LocalPid pid) const;
  void send_monitor_exit(const PeerRef& ref, const PeerPid& watcher, LocalPid target,
                         std::string_view name, std::string_view reason);
  void send_exit(LocalPid from, const PeerPid& to, std::string_view reason);
  void announce_exit(LocalPid pid, std::string_view reason);
  void end_job(Job& job, std::string_view reason);

  std::shared_ptr<NodeCore> core_;
  Channel channel_;
  std::string peer_;
  std::shared_ptr<const SelfName> self_;
  std::string peer_atom_;
  WireNames names_;
  std::uint64_t flags_;
  std::uint32_t creation_;
  Proof proof_;
  std::uint64_t forbidden_ = 0;
  bool is_outgoing_, is_dynamic_;
  bool is_up_ = true, is_reading_ = false, is_flush_planned_ = false, waits_to_write_ = false,
       is_read_stopped_ = false, is_batching_ = false;

  Liveness life_;
  Liveness::Clock::time_point armed_;     ///< when we last began to wait for bytes
  int streak_ = 0;                        ///< small reads in a row, each soon after the last
  double calls_ = 0;                      ///< in a read that is answered, on average
  Liveness::Clock::time_point progress_;  ///< when the peer last took bytes from a full queue
  std::array<char, 512> first_;           ///< where an idle TCP link waits for bytes
  std::string in_, out_;
  std::size_t written_ = 0;              ///< of out_
  std::unique_ptr<LargeFrame> large_;    ///< that arrives: in_ is empty then
  std::unique_ptr<LargeFrame> handled_;  ///< while it is worked off: who keeps it takes it
  std::uint32_t left_out_ = 0;           ///< bytes still to come of a frame that is too long
  Budget::Holder holder_;
  Budget::Claim claim_;  ///< for buffers, monitors, links and jobs

  MonitorTable monitors_;
  std::set<std::pair<LocalPid, PeerPid>> links_;
  std::unordered_map<PeerRef, Job*, IdHash> jobs_;
  std::unordered_map<std::uint64_t, OwnMonitor> own_monitors_;
  std::unordered_map<std::uint64_t, Pending*> pending_;
  std::vector<boost::asio::steady_timer*> writers_;
};

}  // namespace muster::dist
