#pragma once

#include <gtest/gtest.h>

#include "dist/node_core.h"
#include "mesh/agents.h"

namespace muster::mesh {

/// A node of ours that does not listen and knows no peers, its agents, and links that are UP. All
/// of it runs on `io_`, in the test's thread.
class NodeTest : public testing::Test, public dist::PeerDirectory {
 protected:
  Role role(const std::string&, const Secret&) const override { return Role::none; }
  std::optional<dist::PeerSettings> settings(const std::string&) const override { return {}; }

  static dist::NodeConfig config() {
    dist::NodeConfig config;
    config.name = "muster";
    config.long_host = "127.0.0.1";
    return config;
  }
  std::shared_ptr<dist::Link> link(dist::Channel::Socket socket, dist::HandshakePeer peer) {
    return std::make_shared<dist::Link>(core_, dist::Channel(std::move(socket)), std::move(peer),
                                        dist::Proof{}, true);
  }
  /// What can be done without waiting.
  void turn() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  std::shared_ptr<dist::NodeCore> core_ = std::make_shared<dist::NodeCore>(io_, config(), *this);
  dist::Node node_{io_, config(), *this};
  Agents agents_{io_.get_executor(), node_, std::chrono::seconds(60)};
};

}  // namespace muster::mesh
