#pragma once

#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "base/places.h"
#include "dist/node.h"
#include "mesh/dial_policy.h"
#include "mesh/node_facts.h"
#include "mesh/node_spec.h"

namespace muster::mesh {

class Agents;

/// Told of what happens to kept nodes, on the loop.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// The node is linked and has described itself: record it. It counts as UP once this is done.
  virtual Task<> node_up(const NodeSpec& spec, const NodeFacts& facts, bool was_restarted) = 0;
  /// It has no link, for this reason. Called whenever the reason changes. `detail` is for people:
  /// the certificate's fault, the address that refused.
  virtual void node_down(const NodeSpec& spec, DownReason reason, const std::string& detail) = 0;
};

/// What all keepers share.
struct KeeperTools {
  asio::any_io_executor executor;
  dist::Node& node;
  Agents& agents;
  Watcher& watcher;

  /// Who may be dialled, and who asked for its facts.
  static constexpr Places::Settings at_once{std::chrono::milliseconds(100), 128, 32};
  Places dials{at_once};
  Places descriptions{at_once};
};

/// Keeps one node linked for as long as it is wanted: dials at once and then as DialPolicy says (a
/// link that the node made itself serves as well), reads its facts, reports it up, starts its
/// agents, waits until the link is lost, and begins again. Owned by NodeManager, which runs run()
/// in a TaskGroup and ends it by cancelling.
class Keeper {
 public:
  Keeper(KeeperTools& tools, NodeSpec spec);

  asio::awaitable<void> run();

  /// Somebody has just started the node: dial quickly for a while, beginning now.
  void expect_start();
  /// A link with this node came up, whoever dialled.
  void link_up();
  void link_down(dist::LinkError why);

  const NodeSpec& spec() const { return spec_; }
  /// It counts at once; nothing of the link changes.
  void set_role(Role role) { spec_.role = role; }
  bool is_up() const { return is_up_; }
  DownReason reason() const { return reason_; }
  const std::string& detail() const { return detail_; }  ///< the reason in words
  /// Null while there is no link.
  std::shared_ptr<dist::Link> link() const { return tools_.node.find(spec_.name); }

 private:
  Task<std::shared_ptr<dist::Link>> dial();
  Task<> bring_up(dist::Link& link);
  asio::awaitable<void> wait(std::chrono::steady_clock::time_point until);
  asio::awaitable<void> wait_after_failure();
  /// Lost: it is left alone for as long as the policy says.
  asio::awaitable<void> leave_alone();
  void down(DownReason reason, const std::string& detail);

  KeeperTools& tools_;
  NodeSpec spec_;
  NodeFacts facts_;  ///< of the last time it was UP
  DialPolicy policy_;
  asio::steady_timer wake_;
  bool is_up_ = false, was_mute_ = false;
  DownReason reason_ = DownReason::starting;
  std::string detail_;
};

/// The caller's word for why a peer could not be reached or was lost.
DownReason reason_of(const Error& error);
DownReason reason_of(dist::LinkError error);

}  // namespace muster::mesh
