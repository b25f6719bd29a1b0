#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/role.h"
#include "base/secret.h"

namespace muster::orchestration {

/// A node that runs, as the rest of the daemon has to know it.
struct RunningNode {
  std::string id, name, family_id, family;
  Secret cookie;
  Role role = Role::none;  ///< what it may do here when it is first handed over
};

/// A node somebody can be connected with.
struct Member {
  std::string id, name;
  Secret cookie;
  bool is_up = false;
};

/// What orchestration needs from topology and mesh: the only way from here to links. An interface,
/// so that the step machine is tested without a node. Owned by app; lives on the loop.
class NodeManager {
 public:
  virtual ~NodeManager() = default;

  /// Dials quickly until the name answers a handshake. The last reason is in the error once `limit`
  /// has passed; unauthorized, and early, when it answers and has another cookie.
  virtual Task<> reach(RunningNode node, std::chrono::steady_clock::duration limit) = 0;
  /// Whether somebody holds the name now: its epmd knows it, or it answers.
  virtual Task<bool> is_there(RunningNode node) = 0;
  /// From now on it is kept linked: DOWN, then UP. Twice is harmless.
  virtual Task<> hand_over(RunningNode node) = 0;
  /// It is being stopped on purpose: no longer dialled. Unknown ids are fine.
  virtual Task<> set_stopped(std::string id) = 0;
  /// No longer known at all. Unknown ids are fine.
  virtual Task<> forget(std::string id) = 0;
  /// `from` connects itself with `to` (net_kernel:connect_node/1), which stays a matter of those
  /// two. Errors: unavailable, with the node's own answer.
  virtual Task<> connect(RunningNode from, Member to) = 0;

  /// "DOWN" with its reason, or "UP", for a node that was handed over.
  struct Health {
    bool is_up = false;
    std::string reason;
  };
  virtual std::optional<Health> health(const std::string& id) const = 0;
  /// The managed nodes of a family that were not deployed from here, oldest first.
  virtual std::vector<Member> added(const std::string& family_id) const = 0;
  /// By id or name, whatever its family.
  virtual std::optional<Member> find(const std::string& id_or_name) const = 0;
};

}  // namespace muster::orchestration
