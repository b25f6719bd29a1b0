#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "ops/attempt.h"
#include "ops/convert.h"

/// What muster.audit takes and gives.
namespace muster::access {

struct AskAudit : ops::PageRequest {
  std::optional<std::string> caller, from, operation, about;
  std::optional<ops::Outcome> outcome;
  std::optional<Timestamp> since, until;

  static constexpr ops::Alias aliases[] = {{"who", "caller"}};
  static constexpr ops::Doc docs[] = {
      {"caller",
       "token:NAME (one that has expired, too), node:NAME, stranger (a token that is not "
       "known), or daemon"},
      {"from", "an address, or a node"},
      {"operation", "SERVICE.OPERATION, or all of a SERVICE"},
      {"about", "entries that have this in `about`: a name, an id"},
      {"outcome", "ok, refused, failed, cancelled"},
      {"since", "then or later"},
      {"until", "before then"},
      {"after", "`next` of the page before: older ones than on it"}};
};
BOOST_DESCRIBE_STRUCT(AskAudit, (ops::PageRequest),
                      (caller, from, operation, about, outcome, since, until))

/// One change, or one attempt that was refused; or several that are alike.
struct AuditEntry {
  std::int64_t id = 0;
  Timestamp at, last_at;    ///< of the first and of the last of them
  std::uint64_t count = 1;  ///< how many of the same within a minute
  std::string caller;
  ops::Role role = ops::Role::none;
  std::string from, operation;
  std::string about;  ///< names and ids that the request gave
  ops::Outcome outcome = ops::Outcome::ok;
  std::optional<std::string> code;  ///< of the error
};
BOOST_DESCRIBE_STRUCT(AuditEntry, (),
                      (id, at, last_at, count, caller, role, from, operation, about, outcome, code))

}  // namespace muster::access
