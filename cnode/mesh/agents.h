#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/places.h"
#include "base/task_group.h"
#include "dist/node.h"
#include "mesh/agent_code.h"
#include "mesh/message_share.h"
#include "mesh/node_facts.h"
#include "mesh/node_spec.h"

namespace muster::mesh {

/// Loads our agents into nodes that come up, holds a lease on each for as long as the link lasts,
/// tells them their settings, and hands on what they send. An agent that dies is started again
/// while its node is UP, after 200 ms growing to 5 min. A node that runs the OTP application
/// muster_agents gets leases on that application's modules and no code; one marked `agents: none`
/// gets nothing. Where an agent cannot be had (no beam for that OTP, code refused, another version
/// of the application) the reason is handed on as well. Agents obey one installation: where they
/// obey another one, they are left to it, and asked again every 10 s. When a link goes, the agents
/// notice by themselves and leave without trace (erlang/apps/muster_agents). Made by app; lives on
/// the loop.
class Agents {
 public:
  Agents(asio::any_io_executor executor, dist::Node& node, std::chrono::seconds interval);
  ~Agents();

  /// What the agent of this name sends: {muster_agent, Agent, Pid, Sample}.
  using Sink = std::function<void(const std::string& node, const etf::Term& sample)>;
  void on_sample(const std::string& agent, Sink sink);

  /// The agents that a node which is UP lacks, each with the reason; told whenever that changes.
  using Lacking = std::map<std::string, std::string>;
  using LackSink = std::function<void(const std::string& node, const Lacking& lacking)>;
  void on_lacking(LackSink sink) { lack_sink_ = std::move(sink); }

  /// The agents of a node say more than they may, and the rest is dropped: how many messages, until
  /// now. Told every 10 s while it is so.
  using DropSink =
      std::function<void(const std::string& node, const std::string& why, std::uint64_t dropped)>;
  void on_dropping(DropSink sink) { drop_sink_ = std::move(sink); }

  /// What an agent of a node is to be told (a map; README of muster_agents): at once if it runs,
  /// and whenever it is started again. An empty map: nothing, from its next start on.
  void configure(const std::string& node, const std::string& agent, etf::Map settings);

  /// From now on agents that obey another installation are taken over, once each time that a node
  /// comes UP: who they are taken from does not take them back.
  void take_over() { takes_over_ = true; }

  /// The node is UP, or the wish for agents has changed.
  void node_up(std::shared_ptr<dist::Link> link, const NodeSpec& spec, const NodeFacts& facts);
  asio::awaitable<void> stop();

 private:
  class Receiver;
  /// An agent as one node gets it. Without a beam it is a module that is there already.
  struct Wanted {
    std::string agent, module;
    std::string_view beam;
  };
  /// What runs for one node.
  struct Guest {
    std::weak_ptr<dist::Link> link;
    std::vector<TaskGroup::Cancel> cancels;
    struct Running {
      etf::Pid pid;
      asio::steady_timer* gone;  ///< cancelled when it is no longer ours
    };
    std::map<std::string, Running> running;  ///< by agent
    Lacking lacking;
    bool was_mute = false;  ///< the last time that it was asked, or an agent started
    MessageShare share{MessageShare::Clock::now()};
    std::uint64_t refused = 0;  ///< messages beyond it, or too large
    std::chrono::steady_clock::time_point refusals_told{};
  };
  asio::awaitable<void> begin(std::shared_ptr<dist::Link> link, std::string otp_release);
  void run_for(const dist::Link& link, std::string name, asio::awaitable<void> task);
  asio::awaitable<void> keep_agent(std::shared_ptr<dist::Link> link, Wanted wanted);
  Task<std::optional<std::string>> included_version(dist::Link& link);
  Task<> load(dist::Link& link, const Wanted& wanted);
  Task<etf::Pid> start_agent(dist::Link& link, const Wanted& wanted, bool takes_over);
  void taken(const dist::Link& link, const std::string& agent, const etf::Pid& pid,
             const etf::Term& by);
  Task<etf::Term> load_and_start(dist::Link& link, const Wanted& wanted, const etf::Term& lease);
  void tell_settings(dist::Link& link, const std::string& agent, const etf::Pid& pid);
  /// Null when this link is no longer the one that the node's guests live by.
  Guest* guest_of(const dist::Link& link);
  asio::awaitable<Places::Place> place(const dist::Link& link);
  void was_mute(const dist::Link& link, bool is_so);
  bool admits(const dist::Link& link, std::size_t bytes);
  void refuse(const dist::Link& link, const char* why);
  void lacks(const dist::Link& link, const std::string& agent, std::string why);
  void has(const dist::Link& link, const std::string& agent);
  void release(const std::string& node);

  dist::Node& node_;
  std::chrono::seconds interval_;
  bool takes_over_ = false;
  std::shared_ptr<Receiver> receiver_;
  LackSink lack_sink_;
  DropSink drop_sink_;
  std::unordered_map<std::string, Guest> guests_;                              ///< by node name
  std::unordered_map<std::string, std::map<std::string, etf::Map>> settings_;  ///< node, agent
  /// Agents being loaded or started at once, and nodes being asked what they run.
  Places starts_{{std::chrono::milliseconds(100), 64, 32}};
  TaskGroup running_;
};

}  // namespace muster::mesh
