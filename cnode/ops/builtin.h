#pragma once

#include "ops/events.h"
#include "ops/table.h"

namespace muster::ops {

struct EventsRequest {
  std::vector<std::string> topics;
  std::optional<std::uint64_t> since;
  std::optional<std::uint32_t> wait;
  static constexpr Doc docs[] = {
      {"topics", "all when absent: alarms, topology.node_state, …"},
      {"since", "what came after this sequence number; absent: only tells the last one"},
      {"wait", "seconds to wait for the first event, at most 30"}};
};
BOOST_DESCRIBE_STRUCT(EventsRequest, (), (topics, since, wait))

/// Events for those who cannot be sent any: they ask again with `since` = `seq`.
struct EventsReply {
  std::vector<EventPtr> items;
  std::uint64_t seq = 0;   ///< of the last event there was
  std::uint64_t lost = 0;  ///< events since `since` that are not kept any more
};
BOOST_DESCRIBE_STRUCT(EventsReply, (), (items, seq, lost))

/// The operations about the table itself: muster.help, muster.openapi, muster.echo,
/// muster.events. `table` and `bus` are referred to.
std::vector<Operation> builtin(const Table& table, EventBus& bus);

}  // namespace muster::ops
