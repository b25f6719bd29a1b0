#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/task_group.h"
#include "dist/node.h"
#include "mesh/agent_code.h"
#include "mesh/node_facts.h"
#include "mesh/node_spec.h"

namespace muster::mesh {

/// Loads our agents into nodes that come up, holds a lease on each for as long as the link lasts,
/// and hands on what they send. An agent that dies is started again while its node is UP, after 5 s
/// growing to 5 min. Nodes of an OTP that no beam is for, and those marked `agents: none`, get
/// nothing. When a link goes, the agent notices by itself and leaves without trace
/// (erlang/apps/muster_agents). Made by app; lives on the loop.
class Agents {
 public:
  Agents(asio::any_io_executor executor, dist::Node& node, std::chrono::seconds interval);
  ~Agents();

  /// What the agents of a node send: {muster_agent, Agent, Pid, Sample}.
  using Sink = std::function<void(const std::string& node, const std::string& agent,
                                  const etf::Term& sample)>;
  void on_sample(Sink sink);

  /// The node is UP, or the wish for agents has changed.
  void node_up(std::shared_ptr<dist::Link> link, const NodeSpec& spec, const NodeFacts& facts);
  asio::awaitable<void> stop();

 private:
  class Receiver;
  /// What runs for one node.
  struct Guest {
    std::weak_ptr<dist::Link> link;
    TaskGroup::Cancel cancel;
    std::optional<etf::Pid> agent;
  };
  asio::awaitable<void> keep_agent(std::shared_ptr<dist::Link> link, const AgentCode& code);
  Task<> load(dist::Link& link, const AgentCode& code);
  Task<etf::Pid> start_agent(dist::Link& link, const AgentCode& code);
  void release(const std::string& node);

  dist::Node& node_;
  std::chrono::seconds interval_;
  std::shared_ptr<Receiver> receiver_;
  std::unordered_map<std::string, Guest> guests_;  ///< by node name
  TaskGroup running_;
};

}  // namespace muster::mesh
