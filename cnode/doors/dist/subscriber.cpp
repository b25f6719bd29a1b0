#include "doors/dist/subscriber.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"

namespace muster::doors::dist {

using etf::atom;
using etf::Term;
using etf::tuple;

namespace {

constexpr std::size_t most_subscriptions = 1000;
constexpr int most_of_a_node = 100;

Term message_of(const ops::Delivery& delivery) {
  if (auto* event = std::get_if<ops::EventPtr>(&delivery))
    return tuple(atom("muster_event"), atom((*event)->topic), (*event)->term());
  etf::Map gap;
  gap.pairs.emplace_back(atom("lost"),
                         static_cast<std::int64_t>(std::get<ops::Gap>(delivery).lost));
  return tuple(atom("muster_event"), atom("gap"), std::move(gap));
}

}  // namespace

Subscribers::Subscribers(asio::any_io_executor executor, muster::dist::Node& node,
                         ops::EventBus& bus)
    : node_(node), bus_(bus), running_(std::move(executor)) {}

std::vector<ops::Operation> Subscribers::operations() {
  std::vector<ops::Operation> rows;
  rows.push_back(
      ops::operation({.service = "muster",
                      .name = "subscribe",
                      .http = {},
                      .role = ops::Role::viewer,
                      .doc = "Send events to an Erlang process (REST: the WebSocket /api/events)",
                      .is_query = true},
                     *this, &Subscribers::subscribe));
  rows.push_back(ops::operation({.service = "muster",
                                 .name = "unsubscribe",
                                 .http = {},
                                 .role = ops::Role::viewer,
                                 .doc = "End a subscription",
                                 .is_query = true},
                                *this, &Subscribers::unsubscribe));
  return rows;
}

Task<Subscribed> Subscribers::subscribe(Subscribe request, ops::Caller caller) {
  auto to = caller.pid;
  if (request.pid) {
    auto* pid = request.pid->get_if<etf::Pid>();
    if (!pid) co_return Error(Errc::bad_request, "a pid wanted", "/pid");
    to = *pid;
  }
  // What an event says is for who may ask for it, not for a neighbour.
  if (to && caller.role != ops::Role::admin && to->node.name != caller.node)
    co_return Error(Errc::forbidden, "to send events to another node needs the role admin", "/pid");
  auto link = to ? node_.find(to->node.name) : nullptr;
  if (!link)
    co_return Error(Errc::bad_request,
                    "only a process of a connected Erlang node can subscribe here", "/pid");
  if (active_.size() >= most_subscriptions)
    co_return Error(Errc::quota, fmt::format("there are {} subscriptions: end those that nobody "
                                             "reads with muster.unsubscribe",
                                             active_.size()));
  auto is_of_node = [&](auto& one) { return one.second.asked_by == caller.node; };
  if (std::count_if(active_.begin(), active_.end(), is_of_node) >= most_of_a_node)
    co_return Error(Errc::quota, fmt::format("{} has {} subscriptions: end those that nobody reads "
                                             "with muster.unsubscribe",
                                             caller.node, most_of_a_node));
  auto seq = bus_.last_seq();
  CO_TRY(auto events, bus_.subscribe(std::move(request.topics), request.since));
  auto id = random_uuid();
  auto asked_by = node_.find(caller.node);
  active_.emplace(id, Active{caller.node, {}});
  auto cancel = running_.spawn("subscription",
                               deliver(id, std::move(asked_by), link, *to, std::move(events)));
  // It has begun, and may have ended already.
  if (auto at = active_.find(id); at != active_.end()) at->second.cancel = std::move(cancel);
  co_return Subscribed{std::move(id), seq};
}

Task<ops::Empty> Subscribers::unsubscribe(Unsubscribe request, ops::Caller) {
  auto at = active_.find(request.subscription);
  if (at == active_.end()) co_return Error(Errc::not_found, "no such subscription");
  auto cancel = at->second.cancel;
  active_.erase(at);
  cancel();
  co_return ops::Empty{};
}

asio::awaitable<void> Subscribers::deliver(std::string id,
                                           std::shared_ptr<muster::dist::Link> asked_by,
                                           std::shared_ptr<muster::dist::Link> link, etf::Pid to,
                                           std::unique_ptr<ops::Subscription> events) {
  struct Entry {
    std::unordered_map<std::string, Active>& active;
    const std::string& id;
    ~Entry() { active.erase(id); }
  } entry{active_, id};
  auto cancel_when_dead = [this, id](const Term&) {
    if (auto at = active_.find(id); at != active_.end() && at->second.cancel) at->second.cancel();
  };
  auto monitor = link->monitor(to, cancel_when_dead);
  for (;;) {
    auto delivery = co_await events->next();
    if (!delivery) co_return;
    if (asked_by && asked_by->role() < ops::Role::viewer) co_return;  // no longer
    link->send(to, message_of(*delivery));
    if (!co_await link->writable()) co_return;
  }
}

}  // namespace muster::doors::dist
