#include "mesh/keeper.h"

#include <boost/asio/as_tuple.hpp>

#include "base/clean_text.h"
#include "base/log.h"
#include "base/random.h"
#include "mesh/agents.h"

namespace muster::mesh {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

namespace {
constexpr auto facts_limit = 10s;
constexpr std::size_t most_detail = 500;
}  // namespace

Keeper::Keeper(KeeperTools& tools, NodeSpec spec)
    : tools_(tools), spec_(std::move(spec)), wake_(tools.executor) {}

asio::awaitable<void> Keeper::run() {
  for (;;) {
    auto link = co_await dial();
    was_mute_ = !link && reason_of(link.error()) == DownReason::timeout;
    if (!link) {
      down(reason_of(link.error()), link.error().message);
      co_await wait_after_failure();
      continue;
    }
    if (auto up = co_await bring_up(**link); !up) {
      was_mute_ = (*link)->is_up();
      down(was_mute_ ? DownReason::timeout : DownReason::closed, up.error().text());
      (*link)->close(dist::LinkError::dropped);
      policy_.lost(SteadyClock::now(), random_u32());
      co_await wait_after_failure();
      co_await leave_alone();
      continue;
    }
    is_up_ = true;
    if ((*link)->is_up()) {
      policy_.came_up(SteadyClock::now());
      tools_.agents.node_up(*link, spec_, facts_);
      while (is_up_) co_await wait(SteadyClock::time_point::max());
    } else {  // lost while it was recorded as UP, which somebody may have heard
      down(DownReason::closed, "the link ended while the node described itself");
    }
    policy_.lost(SteadyClock::now(), random_u32());
    co_await leave_alone();
  }
}

asio::awaitable<void> Keeper::wait_after_failure() {
  co_await wait(SteadyClock::now() + policy_.after_failure(SteadyClock::now(), random_u32()));
}

asio::awaitable<void> Keeper::leave_alone() {
  while (SteadyClock::now() < policy_.left_alone_until()) co_await wait(policy_.left_alone_until());
}

Task<std::shared_ptr<dist::Link>> Keeper::dial() {
  if (auto link = tools_.node.find(spec_.name)) co_return link;
  auto place = co_await tools_.dials.take(was_mute_);
  co_return co_await tools_.node.connect(spec_.name);
}

Task<> Keeper::bring_up(dist::Link& link) {
  auto place = co_await tools_.descriptions.take(was_mute_);
  auto arguments = facts_calls().arguments();
  CO_TRY(auto answer, co_await link.call(StockCalls::module, StockCalls::function,
                                         std::move(arguments), facts_limit));
  CO_TRY(auto facts, parse_facts(answer, link.creation()));
  bool was_restarted = spec_.creation && *spec_.creation != facts.creation;
  CO_TRYV(co_await tools_.watcher.node_up(spec_, facts, was_restarted));
  spec_.creation = facts.creation;
  facts_ = std::move(facts);
  co_return Result<>();
}

asio::awaitable<void> Keeper::wait(SteadyClock::time_point until) {
  wake_.expires_at(until);
  auto [ec] = co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  auto state = co_await asio::this_coro::cancellation_state;
  if (ec && state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(ec);
}

void Keeper::expect_start() {
  policy_.expect_start(SteadyClock::now());
  if (!is_up_) wake_.cancel();
}

void Keeper::link_up() {
  wake_.cancel();
}

void Keeper::link_down(dist::LinkError why) {
  if (!is_up_) return;  // run() says why, and waits before it dials again
  down(reason_of(why), fmt::format("the link ended ({})", dist::name_of(why)));
  wake_.cancel();
}

void Keeper::down(DownReason reason, const std::string& detail) {
  bool is_news = is_up_ || reason != reason_;
  is_up_ = false;
  reason_ = reason;
  detail_ = clean_text(detail, most_detail);  // the node's own words may be in it
  if (is_news) tools_.watcher.node_down(spec_, reason, detail_);
}

DownReason reason_of(dist::LinkError error) {
  using dist::LinkError;
  switch (error) {
    case LinkError::not_registered:
      return DownReason::not_registered;
    case LinkError::refused:
      return DownReason::refused;
    case LinkError::timeout:
      return DownReason::timeout;
    case LinkError::cookie:
      return DownReason::cookie;
    case LinkError::not_allowed:
      return DownReason::not_allowed;
    case LinkError::tls:
      return DownReason::tls;
    case LinkError::wrong_name:
      return DownReason::wrong_name;
    case LinkError::silent:
      return DownReason::silent;
    case LinkError::closed:
    case LinkError::overloaded:
    case LinkError::protocol:
    case LinkError::dropped:
      return DownReason::closed;
  }
  return DownReason::closed;
}

DownReason reason_of(const Error& error) {
  if (error.code.category() == dist::link_category())
    return reason_of(static_cast<dist::LinkError>(error.code.value()));
  return error.errc() == Errc::timeout ? DownReason::timeout : DownReason::refused;
}

}  // namespace muster::mesh
