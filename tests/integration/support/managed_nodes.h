#pragma once

#include <boost/json.hpp>
#include <string>

#include "daemon.h"

namespace muster::test {

/// The nodes that a daemon watches, as a user of its REST API sees them. What is not answered as
/// it should be fails the test; the daemon's log is printed then.
class ManagedNodes {
 public:
  using Json = boost::json::value;

  explicit ManagedNodes(const Daemon& daemon) : daemon_(daemon) {}

  Json add(const std::string& name, boost::json::object more = {}) const;
  /// Adds it and waits until it is UP.
  Json bring_up(const std::string& name, boost::json::object more = {}) const;
  /// Whatever is answered, also that there is no such node.
  Json get(const std::string& name) const;
  /// The node once `what` ("UP", "cookie") is its state or its reason.
  Json wait_for(const std::string& name, const std::string& what) const;
  /// A request of commands.run, and its reply.
  Json run(boost::json::object request) const;

 private:
  const Daemon& daemon_;
};

}  // namespace muster::test
