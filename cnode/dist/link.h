#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dist/link_error.h"
#include "dist/process.h"
#include "etf/term.h"

namespace muster::dist {

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
/// (Limits::queued): a peer that does not read loses its link.
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using Down = std::function<void(const etf::Term& reason)>;

  ~Link();

  const std::string& peer() const { return peer_; }     ///< its node name
  const std::string& self() const { return *self_; }    ///< our name on this link
  std::uint32_t creation() const { return creation_; }  ///< the peer's; 0: it did not say
  std::uint64_t flags() const { return flags_; }        ///< the peer's, as it announced them
  bool is_hidden() const;                               ///< the peer does not publish itself
  bool is_dynamic() const;                              ///< we gave it its name
  bool is_outgoing() const { return is_outgoing_; }     ///< we dialled
  bool is_tls() const { return is_tls_; }
  bool is_up() const { return is_up_; }

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
  /// the Task: timeout (the peer is told to kill it), closed, too_large, unsupported.
  /// A cancelled caller cancels it on the peer, too.
  Task<CallOutcome> apply(std::string module, std::string function,
                          std::vector<etf::Term> arguments, Duration limit);
  /// The same when only a returned value is of use; everything else is an Error that says how it
  /// ended.
  Task<etf::Term> call(std::string module, std::string function, std::vector<etf::Term> arguments,
                       Duration limit);
  /// gen_server:call({name, peer}, request). Errors: not_found (noproc), unavailable (it ended
  /// meanwhile; the reason is in the message), timeout, closed.
  Task<etf::Term> gen_call(std::string name, etf::Term request, Duration limit);

  /// erlang:monitor: `down` is called once with the reason (noproc, noconnection, …), from the loop
  /// and not from here, unless the handle goes first.
  [[nodiscard]] MonitorHandle monitor(const etf::Pid& process, Down down);
  [[nodiscard]] MonitorHandle monitor(std::string_view name, Down down);
  /// link/1 and unlink/1 between one of our processes and one of the peer's.
  void link(LocalPid local, const etf::Pid& remote);
  void unlink(LocalPid local, const etf::Pid& remote);
  /// exit(Pid, Reason).
  void exit(const etf::Pid& remote, const etf::Term& reason, LocalPid from = {});

  /// Bytes that wait to be written.
  std::size_t queued() const;
  /// Ends when the queue is short again (Limits::writable). Error: closed.
  Task<> writable();

  /// Ends it; listeners hear `why` from the loop.
  void close(LinkError why);

 private:
  friend class MonitorHandle;
  void demonitor(std::uint64_t ref);

  std::string peer_;
  std::shared_ptr<const std::string> self_;
  std::uint64_t flags_ = 0;
  std::uint32_t creation_ = 0;
  bool is_outgoing_ = false, is_tls_ = false, is_up_ = true;
};

}  // namespace muster::dist
