#include "ops/builtin.h"

#include "base/timeout.h"
#include "ops/openapi.h"

namespace muster::ops {
namespace {

Task<EventsReply> events(EventBus& bus, EventsRequest request) {
  constexpr std::uint32_t longest_wait = 30;
  EventsReply reply;
  CO_TRY(auto subscription,
         bus.subscribe(std::move(request.topics), request.since.value_or(bus.last_seq())));
  auto wait = request.since ? std::min(request.wait.value_or(0), longest_wait) : 0;
  auto delivery = subscription->try_next();
  if (!delivery && wait > 0) {
    auto waiting = with_timeout(subscription->next(), std::chrono::seconds(wait), "events");
    auto next = co_await std::move(waiting);
    if (next)
      delivery = *std::move(next);
    else if (next.error().errc() != Errc::timeout)
      co_return next.error();
  }
  for (; delivery; delivery = subscription->try_next()) {
    if (auto* event = std::get_if<EventPtr>(&*delivery))
      reply.items.push_back(std::move(*event));
    else
      reply.lost += std::get<Gap>(*delivery).lost;
  }
  reply.seq = bus.last_seq();
  co_return reply;
}

/// A row whose answer is made at its first call and stays: the table does not change once the doors
/// are open.
template <class Rp>
Operation constant_operation(Row row, std::function<Rp()> make) {
  auto made = std::make_shared<std::shared_ptr<const Rp>>();
  auto at_once = [made, make = std::move(make)](
                     Prepared, const Caller&) -> Result<std::shared_ptr<const void>> {
    if (!*made) *made = std::make_shared<const Rp>(make());
    return std::shared_ptr<const void>(*made);
  };
  auto as_task = [at_once](Prepared request, const Caller& caller, BodySource*) {
    return detail::ready(at_once(std::move(request), caller));
  };
  return Operation(std::move(row), type_of<Empty>(), type_of<Rp>(), false,
                   &detail::make_request<Empty>, std::move(as_task), std::move(at_once));
}

}  // namespace

std::vector<Operation> builtin(const Table& table, EventBus& bus) {
  std::vector<Operation> rows;
  Row help_row{"muster", "help", {"GET", "/api/help"}, Role::viewer, "Every operation there is"};
  help_row.subject.is_nobodys = true;
  rows.push_back(constant_operation<std::vector<Help>>(help_row, [&table] { return help(table); }));

  Row openapi_row{"muster",
                  "openapi",
                  {"GET", "/api/openapi.json"},
                  Role::viewer,
                  "The OpenAPI document of the REST interface"};
  openapi_row.subject.is_nobodys = true;
  rows.push_back(constant_operation<json::value>(
      openapi_row, [&table, &bus] { return json::value(openapi(table, bus.topics())); }));

  Row echo_row{
      "muster", "echo", {"POST", "/api/echo"}, Role::viewer, "Gives back what it was given"};
  echo_row.is_query = true;
  rows.push_back(immediate_operation<etf::Term, etf::Term>(
      echo_row, [](etf::Term term, const Caller&) { return term; }));

  Row events_row{"muster",
                 "events",
                 {"GET", "/api/events"},
                 Role::viewer,
                 "Events since a sequence number; the same path is the WebSocket"};
  events_row.ends_with_caller = true;
  rows.push_back(operation<EventsRequest, EventsReply>(
      events_row,
      [&bus](EventsRequest request, Caller) { return events(bus, std::move(request)); }));
  return rows;
}

}  // namespace muster::ops
