#include "services/commands/commands.h"

#include <gtest/gtest.h>

namespace muster::commands {
namespace {

struct Service {
  asio::io_context io{1};
  SystemClock clock;
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  std::unique_ptr<store::Database> database = *store::Database::open_in_memory();
  ops::EventBus events{io.get_executor(), clock};
  mesh::NodeManager manager{io.get_executor()};
  dist::Node node{io, dist::NodeConfig{}, manager};
  topology::Topology topology{*database, cipher, manager, node, events, clock};
  Commands commands{*database, cipher, topology, manager, clock, nullptr};
};

// What erlang:get_cookie/0 answered could be read by viewers.
TEST(Commands, WhoMayNotRunDoesNotReadWhatWasAnswered) {
  Service service;
  for (auto& operation : service.commands.operations()) {
    EXPECT_EQ(operation.row().role, ops::Role::admin) << operation.full_name();
    EXPECT_EQ(operation.row().limits_itself, operation.row().name == "run");
  }
}

}  // namespace
}  // namespace muster::commands
