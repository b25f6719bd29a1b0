#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/task_group.h"
#include "dist/node.h"
#include "mesh/keeper.h"

namespace muster::mesh {

/// How a node is reached, as dist wants to know it.
dist::PeerSettings settings_of(const NodeSpec& spec);

/// All managed nodes and the links with them. It tells the dist::Node how each is reached
/// (PeerDirectory) and each Keeper what became of its link. Made by app; lives on the loop. stop()
/// ends every keeper; links stay until the dist::Node itself stops.
class NodeManager final : public dist::PeerDirectory, public dist::LinkListener {
 public:
  explicit NodeManager(asio::any_io_executor executor);
  NodeManager(const NodeManager&) = delete;
  ~NodeManager() override;

  /// Before anything else: what the keepers work with. (The dist::Node is made with this as its
  /// directory, so it comes later than this.) All outlive the manager.
  void attach(dist::Node& node, Agents& agents, Watcher& watcher);
  asio::awaitable<void> stop();

  /// Begins to keep a node. One of the same id goes on as it is where only its role is new, and is
  /// replaced otherwise, its link kept if the way to reach it is the same. A link over which
  /// another cookie was proved is closed.
  void keep(NodeSpec spec);
  /// Told the name of a node whose role, cookie or row is not what it was.
  void on_rights_changed(std::function<void(const std::string& node)> told) {
    rights_changed_ = std::move(told);
  }
  /// Stops keeping it and closes its link.
  void forget(const std::string& id);
  /// Somebody has just started it.
  void expect_start(const std::string& id);

  /// Null when no such node is kept.
  const Keeper* find(const std::string& id) const;
  std::size_t size() const { return by_id_.size(); }
  template <class F>
  void each(F f) const {
    for (auto& [id, kept] : by_id_) f(kept->keeper);
  }

  /// The link of a kept node. Error: unavailable, with the reason, when it is not UP.
  Result<std::shared_ptr<dist::Link>> link(const std::string& id) const;

  /// Dials quickly until the node has answered a handshake, whether it is kept or not; the link
  /// stays. The last reason is in the error when `limit` has passed. LinkError::cookie after a few
  /// seconds in which it refused nothing but that.
  Task<std::shared_ptr<dist::Link>> reach(NodeSpec spec, std::chrono::steady_clock::duration limit);

  /// One attempt at the same. Error: why, a LinkError.
  Task<std::shared_ptr<dist::Link>> try_once(NodeSpec spec);

  std::optional<dist::PeerSettings> settings(const std::string& node) const override;
  Role role(const std::string& node, const Secret& cookie) const override;
  void link_up(const std::shared_ptr<dist::Link>& link) override;
  void link_down(const std::shared_ptr<dist::Link>& link, dist::LinkError why) override;

 private:
  struct Kept {
    Keeper keeper;
    TaskGroup task;
    Kept(KeeperTools& tools, NodeSpec spec)
        : keeper(tools, std::move(spec)), task(tools.executor) {}
  };
  static asio::awaitable<void> run(std::shared_ptr<Kept> kept);
  struct BeingReached;
  Kept* kept_by_name(const std::string& name) const;

  asio::any_io_executor executor_;
  std::function<void(const std::string&)> rights_changed_ = [](auto&) {};
  std::unique_ptr<KeeperTools> tools_;
  std::unordered_map<std::string, std::shared_ptr<Kept>> by_id_;
  std::unordered_map<std::string, std::string> id_of_name_;
  std::multimap<std::string, NodeSpec> being_reached_;  ///< by name
};

}  // namespace muster::mesh
