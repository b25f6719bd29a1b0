#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/node.h"

namespace muster::test {

/// A muster::dist::Node on a thread of its own, with the processes that the tests talk to:
/// - spawn requests run `echo` functions: m:echo(X) -> X, m:crash() -> error, m:hang() -> never;
///   everything else is undef
/// - the registered server `srv`: {echo, X} -> X; crash -> it dies; messages are kept
class TestNode : public dist::PeerDirectory, public dist::SpawnHandler, public dist::LinkListener {
 public:
  explicit TestNode(dist::NodeConfig config);
  ~TestNode() override;

  std::string name(const std::string& peer = "a@127.0.0.1");
  dist::Node& node() { return *node_; }

  /// Runs it on the node's thread and gives its result back.
  template <class F>
  auto on_node(F f) {
    return boost::asio::post(context_, boost::asio::use_future(std::move(f))).get();
  }
  /// Runs a coroutine there.
  template <class T>
  T wait(boost::asio::awaitable<T> task) {
    return boost::asio::co_spawn(context_, std::move(task), boost::asio::use_future).get();
  }
  Result<std::shared_ptr<dist::Link>> connect(const std::string& peer);
  /// M:F(Args) on the peer, printed as a shell would, or "class:reason", or "error code text".
  std::string call(const std::string& peer, const std::string& module, const std::string& function,
                   std::vector<etf::Term> arguments,
                   std::chrono::milliseconds limit = std::chrono::seconds(10));
  std::vector<std::string> events();  ///< "up NAME", "down NAME why", "message …", "cancelled"
  bool has_event(const std::string& event);
  void note(std::string event);

  std::map<std::string, dist::PeerSettings> known;
  boost::asio::io_context& context() { return context_; }

 private:
  std::optional<dist::PeerSettings> settings(const std::string& node) const override;
  Role role(const std::string& node, const Secret& cookie) const override;
  void spawn(std::shared_ptr<dist::Job> job, const dist::SpawnRequest& request) override;
  void refuse(std::shared_ptr<dist::Job> job, const dist::SpawnRequest& request) override;
  void link_up(const std::shared_ptr<dist::Link>& link) override;
  void link_down(const std::shared_ptr<dist::Link>& link, dist::LinkError why) override;

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::vector<std::shared_ptr<dist::Job>> hanging_;
  std::unique_ptr<dist::Node> node_;
  std::thread thread_;
};

}  // namespace muster::test
