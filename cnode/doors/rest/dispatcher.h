#pragma once

#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "doors/rest/json_body.h"
#include "doors/rest/page.h"
#include "doors/rest/request_parser.h"
#include "doors/rest/response.h"
#include "doors/rest/tickets.h"
#include "ops/table.h"
#include "ops/token_store.h"

namespace muster::doors::rest {

/// What a request's head asks for, permission checked: this operation, by this caller.
struct Plan {
  const ops::Operation* operation;
  ops::Caller caller;
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of the path and the query
};

/// A page, by this caller.
struct PagePlan {
  ops::Caller caller;
  Parameters parameters;
};

/// A WebSocket's wishes.
struct EventsPlan {
  ops::Caller caller;
  std::vector<std::string> topics;
  std::optional<std::uint64_t> since;
  std::string ticket;  ///< to be used up once the WebSocket opens; empty: came with a token
};

/// From requests to operations, without I/O: routes, credentials, where arguments come from.
/// Owned by the Server; lives on the loop.
class Dispatcher {
 public:
  Dispatcher(const ops::Table& table, const ops::TokenStore& tokens, Tickets& tickets)
      : table_(table), tokens_(tokens), tickets_(tickets) {}

  /// Decides by the head alone, so that a body which nobody may send is not read.
  /// `address` is whose request it is, for the audit.
  std::variant<Response, Plan> plan(const RequestHead& head, const std::string& address = {}) const;
  /// Arguments from path, query and body: bad_request where they do not fit together.
  Result<ops::Prepared> prepare(const Plan& plan, JsonBody& body) const;
  /// The page that a request asks for; null: it is for the operation table.
  const Page* find_page(const RequestHead& head) const;
  void add_page(Page page) { pages_.push_back(std::move(page)); }
  std::variant<Response, PagePlan> plan_page(const RequestHead& head, const Page& page,
                                             const std::string& address = {}) const;
  std::variant<Response, EventsPlan> plan_events(const RequestHead& head,
                                                 const std::string& address = {}) const;
  void use_ticket(const std::string& ticket) const { tickets_.use(ticket); }

 private:
  Result<ops::Caller> authenticate(const RequestHead& head, const std::string& address) const;
  void note(std::string what, const ops::Caller& caller, const Result<>& outcome,
            std::string about = {}) const;

  const ops::Table& table_;
  const ops::TokenStore& tokens_;
  Tickets& tickets_;
  std::vector<Page> pages_;
};

/// "a=1&b=x%20y" taken apart and decoded; bad_request for a broken %.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace muster::doors::rest
