#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "base/round_robin.h"

namespace muster::doors::rest {

namespace asio = boost::asio;

/// Whose answer is worked on next. An answer is made in pieces of a few milliseconds; between two
/// pieces the loop does all else that is ready, and where several wait, callers have one in turn.
/// So what one caller asks for, on however many connections, delays another's answer by a piece of
/// it here and there. Owned by the Server; lives on the loop.
class Turns {
 public:
  /// Goes on when it is this caller's turn; at once where nobody else waits. A waiter that is
  /// cancelled leaves the queue and unwinds.
  asio::awaitable<void> next(const std::string& caller);

 private:
  struct Waiter {
    asio::steady_timer turn;
    bool is_handed = false;
  };
  struct State {
    bool is_taken = false;  ///< by a piece of work of this round of the loop
    RoundRobin<Waiter*> waiting;
  };
  static void end_later(asio::any_io_executor executor, std::shared_ptr<State> state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace muster::doors::rest
