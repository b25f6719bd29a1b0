#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/task_group.h"
#include "dist/node.h"
#include "ops/events.h"
#include "ops/operation.h"

namespace muster::doors::dist {

struct Subscribe {
  std::vector<std::string> topics;
  std::optional<std::uint64_t> since;
  std::optional<etf::Term> pid;

  static constexpr ops::Doc docs[] = {{"topics", "all when absent: alarms, topology.node_state, …"},
                                      {"since", "begin after this sequence number"},
                                      {"pid", "who gets the events; the caller when absent"}};
};
BOOST_DESCRIBE_STRUCT(Subscribe, (), (topics, since, pid))

struct Subscribed {
  std::string subscription;
  std::uint64_t seq;  ///< of the last event before it
};
BOOST_DESCRIBE_STRUCT(Subscribed, (), (subscription, seq))

struct Unsubscribe {
  std::string subscription;
};
BOOST_DESCRIBE_STRUCT(Unsubscribe, (), (subscription))

/// muster.subscribe and muster.unsubscribe: events as messages {muster_event, Topic, #{seq, at,
/// data}} to an Erlang process, until it dies, its link is lost, or it unsubscribes. Lost events
/// come as {muster_event, gap, #{lost => N}}. A subscriber that reads slowly is waited for (the
/// link's back-pressure); what its queue cannot hold is the gap. At most 1,000 subscriptions,
/// 100 of them of one node, so that a process that forgets its own cannot flood itself for ever. It
/// ends when the role of who asked for it is taken away. Owned by Door; lives on the loop.
class Subscribers {
 public:
  Subscribers(asio::any_io_executor executor, muster::dist::Node& node, ops::EventBus& bus);

  std::vector<ops::Operation> operations();
  TaskGroup& running() { return running_; }

 private:
  Task<Subscribed> subscribe(Subscribe request, ops::Caller caller);
  Task<ops::Empty> unsubscribe(Unsubscribe request, ops::Caller caller);
  asio::awaitable<void> deliver(std::string id, std::shared_ptr<muster::dist::Link> asked_by,
                                std::shared_ptr<muster::dist::Link> link, etf::Pid to,
                                std::unique_ptr<ops::Subscription> events);

  muster::dist::Node& node_;
  ops::EventBus& bus_;
  struct Active {
    std::string asked_by;  ///< the node
    TaskGroup::Cancel cancel;
  };
  std::unordered_map<std::string, Active> active_;  ///< by id
  TaskGroup running_;
};

}  // namespace muster::doors::dist
