#pragma once

#include "doors/dist/applier.h"
#include "doors/dist/functions.h"
#include "doors/dist/subscriber.h"

namespace muster::doors::dist {

/// The Erlang door: registers a process per service and rex at the node, and answers
/// what peers spawn. Made by app once the table is full; lives on the loop. stop() ends what runs.
class Door {
 public:
  Door(asio::any_io_executor executor, muster::dist::Node& node, const ops::Table& table);
  ~Door();

  void open();
  asio::awaitable<void> stop();

 private:
  muster::dist::Node& node_;
  const ops::Table& table_;
  Functions functions_;
  Calls calls_;
  Applier applier_;
};

}  // namespace muster::doors::dist
