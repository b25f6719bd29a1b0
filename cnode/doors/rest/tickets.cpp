#include "doors/rest/tickets.h"

#include <algorithm>

#include "base/random.h"

namespace muster::doors::rest {

Result<Ticket> Tickets::make(const ops::Caller& caller) {
  auto now = clock_.steady();
  std::erase_if(waiting_, [&](auto& each) { return each.second.expires <= now; });
  auto is_theirs = [&](auto& each) { return each.second.caller.name == caller.name; };
  auto theirs = std::count_if(waiting_.begin(), waiting_.end(), is_theirs);
  if (std::cmp_greater_equal(theirs, per_caller))
    return Error(Errc::quota, fmt::format("{} tickets of yours wait to be used", theirs));
  if (waiting_.size() >= bound)
    return Error(Errc::quota, fmt::format("{} tickets wait to be used", waiting_.size()));
  constexpr std::size_t ticket_bytes = 24;
  auto ticket = random_hex(ticket_bytes);
  waiting_.emplace(ticket, Entry{caller, now + life});
  return Ticket{std::move(ticket), clock_.now() + life};
}

std::optional<ops::Caller> Tickets::find(const std::string& ticket) const {
  auto at = waiting_.find(ticket);
  if (at == waiting_.end() || at->second.expires <= clock_.steady()) return std::nullopt;
  return at->second.caller;
}

void Tickets::drop(const std::string& caller) {
  std::erase_if(waiting_, [&](auto& each) { return each.second.caller.name == caller; });
}

ops::Operation Tickets::operation() {
  ops::Row row{"muster",
               "ticket",
               {"POST", "/api/events/ticket"},
               ops::Role::viewer,
               "A one-use ticket that opens the WebSocket /api/events for 30 s"};
  row.http.status = 201;
  auto answer = [](Result<Ticket> made) -> Task<Ticket> { co_return std::move(made); };
  return ops::operation<ops::Empty, Ticket>(
      row, [this, answer](ops::Empty, ops::Caller caller) { return answer(make(caller)); });
}

}  // namespace muster::doors::rest
