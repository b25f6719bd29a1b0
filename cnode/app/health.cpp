#include "app/health.h"

#include <fmt/format.h>

#include <boost/algorithm/string/join.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <map>

namespace muster::app {

using metrics::HealthSheet;

namespace {

void put_nodes(const mesh::NodeManager& manager, HealthSheet& sheet) {
  std::map<mesh::DownReason, std::size_t> down;
  std::size_t up = 0;
  manager.each([&](const mesh::Keeper& keeper) {
    if (keeper.is_up())
      ++up;
    else
      ++down[keeper.reason()];
  });
  constexpr auto name = "muster_daemon_nodes";
  constexpr auto help = "Nodes that are kept, by state and why they are not UP";
  sheet.gauge(name, help, up, {{"state", "up"}, {"reason", ""}});
  for (auto& [reason, count] : down)
    sheet.gauge(name, help, count,
                {{"state", "down"}, {"reason", boost::describe::enum_to_string(reason, "?")}});
}

void put_links(const dist::Node& node, HealthSheet& sheet) {
  std::size_t waiting = 0, most = 0;
  auto links = node.links();
  for (auto& link : links) {
    waiting += link->queued();
    most = std::max(most, link->queued());
  }
  sheet.gauge("muster_daemon_links", "Connections with nodes that are up", links.size());
  sheet.counter("muster_daemon_forbidden_total",
                "What nodes whose role is none asked for and did not get", node.forbidden());
  sheet.gauge("muster_daemon_link_queue_bytes", "What waits to be written to all nodes", waiting);
  sheet.gauge("muster_daemon_link_queue_most_bytes", "The same of the node where most waits", most);
}

void put_events(const ops::EventBus& events, HealthSheet& sheet) {
  sheet.counter("muster_daemon_events_total", "Events since the start", events.last_seq());
  sheet.counter("muster_daemon_events_lost_total", "Events that subscribers had no room for",
                events.lost());
  auto& subscribers = events.subscribers();
  sheet.gauge("muster_daemon_subscribers", "Who listens to events now", subscribers.size());
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> by_topics;
  for (auto* subscriber : subscribers) {
    auto topics = boost::algorithm::join(subscriber->topics(), ",");
    auto& [waiting, lost] = by_topics[topics.empty() ? "all" : topics];
    waiting = std::max(waiting, subscriber->waiting());
    lost += subscriber->lost();
  }
  for (auto& [topics, values] : by_topics) {
    sheet.gauge("muster_daemon_subscriber_events_waiting",
                "Events in the longest queue of those who listen to these topics", values.first,
                {{"topics", topics}});
    sheet.gauge("muster_daemon_subscriber_events_lost",
                "Events that those who listen to these topics now have lost", values.second,
                {{"topics", topics}});
  }
}

/// Of operations that were called.
void put_operations(const ops::Table& table, HealthSheet& sheet) {
  for (auto& operation : table.all()) {
    auto& tally = operation.tally();
    if (tally.all() == 0) continue;
    HealthSheet::Labels labels{{"service", operation.row().service},
                               {"operation", operation.row().name}};
    auto put = [&](std::string result, std::uint64_t count) {
      if (count == 0) return;
      auto with_result = labels;
      with_result["result"] = std::move(result);
      sheet.counter("muster_daemon_operations_total", "Calls of operations, by how they ended",
                    count, std::move(with_result));
    };
    put("ok", tally.ok);
    put("refused", tally.refused);
    put("failed", tally.failed);
    put("cancelled", tally.cancelled);
    sheet.histogram("muster_daemon_operation_seconds", "What calls took", tally.took, labels);
  }
}

void put_database(const store::Database& database, HealthSheet& sheet) {
  auto load = database.load();
  sheet.gauge("muster_daemon_database_waiting", "Jobs that wait for the database", load.waiting);
  sheet.histogram("muster_daemon_database_wait_seconds", "How long jobs waited for it",
                  load.waited);
  sheet.counter("muster_daemon_database_failures_total", "Commits that failed", load.failures);
}

void put_outsiders(const Budget& budget, HealthSheet& sheet) {
  sheet.gauge("muster_daemon_outsiders_bytes",
              "Memory that clients and nodes make the daemon hold: requests, answers, queues",
              budget.held());
  sheet.gauge("muster_daemon_outsiders_limit_bytes", "What that may be", budget.limit());
  sheet.counter("muster_daemon_outsiders_losses_total",
                "Claims of it that were refused, and connections that were closed for it",
                budget.refused(), {{"result", "refused"}});
  sheet.counter("muster_daemon_outsiders_losses_total", "", budget.evicted(),
                {{"result", "closed"}});
}

}  // namespace

void HealthOf::operator()(HealthSheet& sheet) const {
  loop.put(sheet);
  put_nodes(manager, sheet);
  put_links(node, sheet);
  put_events(events, sheet);
  put_operations(table, sheet);
  put_database(database, sheet);
  put_outsiders(outsiders, sheet);
  sheet.counter("muster_daemon_notifications_dropped_total",
                "Notifications that the daemon had no room for", notifications.dropped());
  sheet.gauge("muster_daemon_store_bytes", "", notifications.disk_bytes(),
              {{"store", "notifications"}});
  std::uint64_t size = 0;
  for (auto* file : {"muster.db", "muster.db-wal"}) {
    std::error_code ec;
    if (auto bytes = std::filesystem::file_size(data_dir / file, ec); !ec) size += bytes;
  }
  sheet.gauge("muster_daemon_store_bytes", "", size, {{"store", "database"}});
}

}  // namespace muster::app
