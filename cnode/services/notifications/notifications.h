#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#include "base/slots.h"
#include "base/task_group.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/notifications/archive.h"
#include "services/notifications/intake.h"
#include "services/notifications/level_desk.h"
#include "services/notifications/shares.h"
#include "services/notifications/types.h"
#include "services/topology/topology.h"

namespace muster::notifications {

/// The service `notifications`: takes what the agents and the daemon itself have to say, keeps it
/// searchable (Archive) and says it on (event notifications.entry). Made by app; lives on the loop.
/// When the disk is full, entries wait in their nodes' queues, and what does not fit there is
/// dropped, counted and said. So is what a node brings beyond its share of what is kept.
class Notifications {
 public:
  struct Settings {
    std::filesystem::path folder;
    Retention retention;
    IntakeLimits limits;
  };
  Notifications(asio::any_io_executor executor, Settings settings, store::Database& database,
                topology::Topology& topology, ops::EventBus& events, const Clock& clock,
                ConfigureAgent configure, Budget* outsiders = nullptr);

  std::vector<ops::Operation> operations();
  static std::vector<ops::Topic> topics();

  /// Opens the archive and begins to store. Before nodes come up. Errors: those of the folder.
  Task<> start();
  /// Stores what waits, then ends.
  asio::awaitable<void> stop();

  /// What the agent `notifications` of a node sent: anything.
  void from_agent(const std::string& node, const etf::Term& message);
  /// What the daemon has to say because of a node, within that node's share; `entry` has its name,
  /// or none.
  void say(Entry entry);
  /// A node came to be over its share, or within it again; also the first time it says something.
  /// `evidence`: how many bytes it may bring at once, and in a day.
  using ShareListener =
      std::function<void(const topology::NodeRow& row, bool is_over, ops::json::value evidence)>;
  void on_over_share(ShareListener listener) { share_listener_ = std::move(listener); }
  std::uint64_t dropped() const { return intake_.dropped() + shares_.left_out(); }
  std::uint64_t disk_bytes() const { return archive_ ? archive_->bytes() : 0; }
  /// Hears of every entry once it is stored. For the rules of alarms.
  using Listener = std::function<asio::awaitable<void>(std::span<const Entry>)>;
  void on_stored(Listener listener) { listener_ = std::move(listener); }

 private:
  Task<ops::Page<NotificationView>> list(ListNotifications request, ops::Caller caller);
  Task<NotificationView> get(NotificationById request, ops::Caller caller);

  asio::awaitable<void> run_storing();
  asio::awaitable<void> run_trimming();
  asio::awaitable<void> run_telling_shares();
  void tell_shares();
  void take_in(Entry entry);
  asio::awaitable<void> store_once();
  void heard(const ops::Event& event);
  void node_gone(const std::string& name);
  asio::awaitable<void> make_good();
  void node_changed(const topology::NodeStateEvent& event);
  Entry origin_of(const std::string& node) const;
  Result<std::string> node_name(const std::string& id_or_name) const;

  Settings settings_;
  topology::Topology& topology_;
  ops::EventBus& events_;
  const Clock& clock_;
  std::unique_ptr<Archive> archive_;
  Slots reading_{2};  ///< the archive, for those who ask
  Intake intake_;
  Shares shares_;
  LevelDesk levels_;
  std::unordered_map<std::string, topology::NodeState> states_;  ///< by name, as last said
  std::unique_ptr<ops::Subscription> heard_;
  Listener listener_;
  ShareListener share_listener_;
  asio::steady_timer has_work_;
  bool is_ending_ = false;
  std::chrono::steady_clock::time_point heard_until_ = std::chrono::steady_clock::time_point::max();
  TaskGroup storing_, running_;
};

}  // namespace muster::notifications
