#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dist/config.h"
#include "dist/gen.h"
#include "dist/link.h"
#include "dist/process.h"
#include "dist/spawn.h"

namespace muster::dist {

/// Hears of links. Called from the loop, never from inside a call to Node or Link.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  virtual void link_up(const std::shared_ptr<Link>&) {}
  virtual void link_down(const std::shared_ptr<Link>&, LinkError) {}
};

/// Muster's place in the Erlang mesh: a hidden node, with epmd registration, connections in both
/// directions, and the processes that peers see.
/// Made by app, lives on the thread that runs the io_context; nothing of it may be called from
/// another. Losing peers or epmd is normal: links go down and are told to the listeners, epmd is
/// tried again for as long as the node runs. Protocol:
/// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html
class Node {
 public:
  /// `peers` outlives the node.
  Node(boost::asio::io_context& context, NodeConfig config, PeerDirectory& peers);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  /// Listens, registers with epmd, starts to accept. Without an epmd it goes on, says so in the log
  /// and keeps trying; and so where somebody else has our name there, unless that is a living node
  /// of this user's or of root's (name_holder.h). Errors: conflict (then), unavailable (cannot
  /// listen), bad_request (TLS files, name).
  Task<> start();
  /// Reads the TLS files again, for connections from now on. False: there are none. Error: as
  /// start(); what was read before stays.
  Result<bool> reload_certificates();
  /// Closes every link, leaves epmd, and ends when nothing of the node runs any more.
  boost::asio::awaitable<void> stop();

  std::uint16_t port() const;      ///< where we listen; 0: nowhere
  std::uint32_t creation() const;  ///< ours, random at each start
  bool is_registered() const;      ///< epmd knows us
  /// Our name towards this peer: short-named or long-named, as it is itself.
  const std::string& self_for(std::string_view peer) const;

  /// Processes. `reason` goes to everybody who monitors or links it; its names are freed.
  LocalPid spawn(std::shared_ptr<Process> process);
  void exit(LocalPid pid, const etf::Term& reason);
  /// False when the name is taken.
  bool register_name(std::string name, LocalPid pid);
  void unregister_name(std::string_view name);
  /// A null pid when nobody has the name.
  LocalPid whereis(std::string_view name) const;
  /// Names registered here, sorted.
  std::vector<std::string> registered() const;

  /// Null: spawn requests are answered `notsup`. It outlives the node or is taken away first.
  void set_spawn_handler(SpawnHandler* handler);

  /// The link with this peer: the one that is up, or a new one. Callers that ask for the same peer
  /// at the same time share one dial. Error codes are LinkErrors.
  Task<std::shared_ptr<Link>> connect(std::string peer);
  std::shared_ptr<Link> find(std::string_view peer) const;
  std::vector<std::shared_ptr<Link>> links() const;
  /// Closes the link with the peer, and stops a dial on its way.
  void close(std::string_view peer);

  /// What a peer with these settings may do here.
  Role role_for(const PeerSettings& settings) const;
  /// Whether the link has proved the cookie that these settings ask for.
  bool has_proved(const Link& link, const PeerSettings& settings) const;
  std::uint64_t forbidden() const;  ///< what guests asked for, since the start
  /// Told who, each time; must not wait.
  void on_forbidden(std::function<void(const std::string& peer)> told);

  /// To whoever it is: on the link with the pid's node, if that is up. False otherwise.
  bool send(const etf::Pid& to, const etf::Term& message, LocalPid from = {});

  /// The listener outlives the node or is removed first.
  void add_listener(LinkListener& listener);
  void remove_listener(LinkListener& listener);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::dist
