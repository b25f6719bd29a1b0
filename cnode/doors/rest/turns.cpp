#include "doors/rest/turns.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace muster::doors::rest {

asio::awaitable<void> Turns::next(const std::string& caller) {
  auto executor = co_await asio::this_coro::executor;
  auto state = state_;
  if (!state->is_taken) {
    state->is_taken = true;
    end_later(std::move(executor), std::move(state));
    co_return;
  }
  Waiter waiter{asio::steady_timer(executor, asio::steady_timer::time_point::max())};
  auto place = state->waiting.push(caller, &waiter);
  auto [ec] = co_await waiter.turn.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter.is_handed) co_return;
  state->waiting.remove(place);
  throw boost::system::system_error(ec);
}

/// What is posted runs when this piece is done and all that was ready beside it has run.
void Turns::end_later(asio::any_io_executor executor, std::shared_ptr<State> state) {
  auto end = [executor, state] {
    auto next = state->waiting.pop();
    state->is_taken = next.has_value();
    if (!next) return;
    (*next)->is_handed = true;
    (*next)->turn.cancel();
    end_later(executor, state);
  };
  asio::post(executor, std::move(end));
}

}  // namespace muster::doors::rest
