#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "ops/operation.h"

namespace muster::doors::rest {

/// What a browser, which cannot send a header there, opens the WebSocket with.
struct Ticket {
  std::string ticket;
  Timestamp expires;
};
BOOST_DESCRIBE_STRUCT(Ticket, (), (ticket, expires))

/// One-use tickets for /api/events?ticket=…, each good for 30 s and for what its maker may do.
/// Owned by the Server; lives on the loop; bounded for each caller and in all.
class Tickets {
 public:
  static constexpr std::chrono::seconds life{30};
  static constexpr std::size_t per_caller = 100, bound = 10'000;

  explicit Tickets(const Clock& clock) : clock_(clock) {}

  /// Error: quota, when too many wait to be used.
  Result<Ticket> make(const ops::Caller& caller);
  /// Its maker, while it is good. It stays good until use().
  std::optional<ops::Caller> find(const std::string& ticket) const;
  /// It has opened what it is for.
  void use(const std::string& ticket) { waiting_.erase(ticket); }
  /// Those of this caller open nothing any more.
  void drop(const std::string& caller);
  /// The row muster.ticket.
  ops::Operation operation();

 private:
  struct Entry {
    ops::Caller caller;
    std::chrono::steady_clock::time_point expires;
  };
  const Clock& clock_;
  std::map<std::string, Entry> waiting_;
};

}  // namespace muster::doors::rest
