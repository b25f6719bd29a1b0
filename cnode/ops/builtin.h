#pragma once

#include "ops/events.h"
#include "ops/table.h"

namespace muster::ops {

/// What the daemon says of itself to anybody who can reach it.
struct Health {
  std::string status;  ///< "ok"
  std::string version;
  Timestamp started;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, version, started))

/// The operations about the table itself: muster.help, muster.openapi, muster.health, muster.echo.
/// `table`, `bus` and `clock` are referred to.
std::vector<Operation> builtin(const Table& table, const EventBus& bus, const Clock& clock);

}  // namespace muster::ops
