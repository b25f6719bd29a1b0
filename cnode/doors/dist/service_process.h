#pragma once

#include <string>

#include "base/task_group.h"
#include "dist/node.h"
#include "ops/table.h"

namespace muster::doors::dist {

/// A service as a registered process: gen_server:call({topology, Node}, {add_node, Args}), cast,
/// multi_call, send_request. Answers {ok, Value} or {error, Map}; a plain message is ignored, as
/// handle_info does. A call that its caller gives up ends as in Applier.
class ServiceProcess final : public muster::dist::Process {
 public:
  ServiceProcess(std::string service, const ops::Table& table, TaskGroup& running)
      : service_(std::move(service)), table_(table), running_(running) {}

  void on_message(const muster::dist::Message& message) override;
  bool on_guest_message(const muster::dist::Message& message) override;

 private:
  std::string service_;
  const ops::Table& table_;
  TaskGroup& running_;
};

}  // namespace muster::doors::dist
