#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "services/topology/topology.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/loop.h"

namespace muster::test {

/// The operation of this name, without its service's. Throws where there is none.
inline ops::Operation operation(std::vector<ops::Operation> all, std::string_view name) {
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const ops::Operation& one) { return one.row().name == name; });
  if (found == all.end()) throw std::runtime_error("no operation " + std::string(name));
  return *found;
}

/// The topology and what it stands on: a database in memory, the event bus, a node of ours that
/// does not listen. The user's nodes are stopped ones, so nothing is dialled. A fixture derives
/// from it and adds the service that is tested; all of it runs on `io`, in the test's thread.
struct StoppedNodes {
  StoppedNodes() { events.declare(topology::Topology::topics()); }

  void adopt(const std::string& id, const std::string& name) {
    topology::NodeRow row;
    row.id = id;
    row.name = name;
    row.is_wanted = false;
    EXPECT_TRUE(finish(io, topology.adopt(row)));
  }

  asio::io_context io{1};
  HandClock clock;
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  ops::EventBus events{io.get_executor(), clock};
  mesh::NodeManager manager{io.get_executor()};
  dist::Node node{io, dist::NodeConfig{}, manager};
  topology::Topology topology{*database, cipher, manager, node, events, clock};
};

}  // namespace muster::test
