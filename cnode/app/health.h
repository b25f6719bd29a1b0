#pragma once

#include <filesystem>

#include "app/loop_watch.h"
#include "base/budget.h"
#include "dist/node.h"
#include "mesh/manager.h"
#include "ops/events.h"
#include "ops/table.h"
#include "services/metrics/health.h"
#include "services/notifications/notifications.h"
#include "store/database.h"

namespace muster::app {

/// What the parts of the daemon say of themselves on /metrics: the loop, nodes and links, events,
/// operations, the database, notifications. On the loop.
struct HealthOf {
  const LoopWatch& loop;
  const mesh::NodeManager& manager;
  const dist::Node& node;
  const ops::EventBus& events;
  const ops::Table& table;
  const store::Database& database;
  const notifications::Notifications& notifications;
  std::filesystem::path data_dir;
  const Budget& outsiders;

  void operator()(metrics::HealthSheet& sheet) const;
};

}  // namespace muster::app
