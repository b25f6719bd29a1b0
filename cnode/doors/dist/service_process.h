#pragma once

#include <string>

#include "dist/node.h"
#include "doors/dist/calls.h"
#include "ops/table.h"

namespace muster::doors::dist {

/// A service as a registered process: gen_server:call({topology, Node}, {add_node, Args}), cast,
/// multi_call, send_request. Answers {ok, Value} or {error, Map}; a plain message is ignored, as
/// handle_info does. A call that its caller gives up ends as in Calls.
class ServiceProcess final : public muster::dist::Process {
 public:
  ServiceProcess(std::string service, const ops::Table& table, Calls& calls)
      : service_(std::move(service)), table_(table), calls_(calls) {}

  void on_message(const muster::dist::Message& message) override;
  bool on_guest_message(const muster::dist::Message& message) override;

 private:
  std::string service_;
  const ops::Table& table_;
  Calls& calls_;
};

}  // namespace muster::doors::dist
