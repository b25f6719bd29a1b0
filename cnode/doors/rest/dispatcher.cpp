#include "doors/rest/dispatcher.h"

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <charconv>

#include "ops/json_text.h"

namespace muster::doors::rest {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Error(Errc::bad_request, "a broken % in the query");
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

json::array split_list(std::string_view text) {
  json::array list;
  while (!text.empty()) {
    auto end = std::min(text.find(','), text.size());
    list.push_back(json::value(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  constexpr std::size_t most = 256;  // each is compared with each
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    auto end = std::min(query.find('&'), query.size());
    auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    if (parameters.size() == most)
      return Error(Errc::bad_request, fmt::format("more than {} parameters in the query", most));
    auto equals = std::min(part.find('='), part.size());
    TRY(auto name, decoded(part.substr(0, equals)));
    TRY(auto value, decoded(part.substr(std::min(equals + 1, part.size()))));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

/// What is no row of the table is told to the audit here.
void Dispatcher::note(std::string what, const ops::Caller& caller, const Result<>& outcome,
                      std::string about) const {
  ops::Attempt attempt{std::move(what), caller.name, caller.from(), caller.role, std::move(about)};
  if (!outcome) {
    attempt.outcome = ops::outcome_of(outcome.error());
    attempt.code = name_of(outcome.error().errc());
  }
  table_.note(std::move(attempt));
}

Result<ops::Caller> Dispatcher::authenticate(const RequestHead& head,
                                             const std::string& address) const {
  auto given = head.header("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (!boost::algorithm::istarts_with(given, scheme))
    return Error(Errc::unauthorized, "a bearer token is needed: Authorization: Bearer …");
  auto token = given.substr(scheme.size());
  auto caller = tokens_.find(token);
  if (caller) {
    caller->address = address;
  } else if (auto expired = tokens_.find_expired(token)) {
    note("rest.token", {*expired, ops::Role::none, {}, {}, address}, caller.error(), "expired");
  } else {
    note("rest.token", {"stranger", ops::Role::none, {}, {}, address}, caller.error());
  }
  return caller;
}

std::variant<Response, Plan> Dispatcher::plan(const RequestHead& head,
                                              const std::string& address) const {
  auto verb = head.verb == "HEAD" ? "GET" : head.verb;
  auto route = table_.route(verb, head.path());
  auto* match = std::get_if<ops::Table::Match>(&route);
  Plan plan{match ? match->operation : nullptr, {}, {}};
  auto caller = authenticate(head, address);
  if (!caller && match && match->operation->row().is_anonymous) {
    plan.caller = {"anonymous", match->operation->row().role, {}, {}, address};
  } else {
    if (!caller) return problem_response(caller.error());
    plan.caller = *std::move(caller);
  }
  if (auto* wrong = std::get_if<ops::Table::WrongVerb>(&route)) {
    auto allowed = boost::algorithm::join(wrong->allowed, ", ");
    auto document = ops::problem({Errc::not_found, "this path takes " + allowed, {}});
    document["status"] = 405;
    Response response{405, "application/problem+json", ops::json_text(document), {}};
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  if (!match)
    return problem_response(Error(Errc::not_found, fmt::format("nothing is at {}", head.path())));
  plan.parameters = std::move(match->parameters);
  auto query = parse_query(head.query());
  if (query)
    for (auto& each : *query) plan.parameters.push_back(std::move(each));
  if (auto allowed = match->operation->permit(plan.caller, plan.parameters); !allowed)
    return problem_response(allowed.error());
  if (!query) return problem_response(query.error());
  return plan;
}

Result<ops::Prepared> Dispatcher::prepare(const Plan& plan, JsonBody& body) const {
  auto& request = plan.operation->request();
  if (!request.structure) {
    if (!plan.parameters.empty())
      return ops::at_field(Error(Errc::bad_request, "unknown parameter"),
                           plan.parameters.front().first);
    return plan.operation->prepare(ops::Input(body.value()), plan.caller);
  }
  auto& structure = *request.structure();
  ops::Fields fields;
  std::deque<json::value> kept;  // what fields refer to
  for (auto& [name, text] : plan.parameters) {
    auto* member = structure.find(name);
    bool is_list = member && member->type().kind == ops::Kind::array;
    auto earlier = std::find_if(fields.begin(), fields.end(),
                                [&, &n = name](auto& field) { return field.first == n; });
    if (is_list && earlier != fields.end()) {  // topics=a&topics=b
      auto more = split_list(text);
      for (auto& value : kept)
        if (&value == earlier->second.json())
          value.as_array().insert(value.as_array().end(), more.begin(), more.end());
      continue;
    }
    auto& value = is_list ? kept.emplace_back(split_list(text)) : kept.emplace_back(text);
    fields.emplace_back(name, ops::Input(value));
  }
  auto& value = body.value();
  auto& body_member = plan.operation->row().http.body_member;
  if (value.is_array() && !body_member.empty()) {
    fields.emplace_back(body_member, ops::Input(value));
  } else if (!value.is_null()) {
    TRY(auto members, ops::Input(value).fields());
    fields.insert(fields.end(), members.begin(), members.end());
  }
  for (auto& [name, blob] : body.blobs()) fields.emplace_back(name, ops::Input(blob));
  return plan.operation->prepare(fields, plan.caller);
}

const Page* Dispatcher::find_page(const RequestHead& head) const {
  if (head.verb != "GET" && head.verb != "HEAD") return nullptr;
  auto found = std::find_if(pages_.begin(), pages_.end(),
                            [&](auto& page) { return page.path == head.path(); });
  return found == pages_.end() ? nullptr : &*found;
}

std::variant<Response, PagePlan> Dispatcher::plan_page(const RequestHead& head, const Page& page,
                                                       const std::string& address) const {
  auto caller = authenticate(head, address);
  if (!caller) return problem_response(caller.error());
  auto parameters = parse_query(head.query());
  if (!parameters) return problem_response(parameters.error());
  auto may_read = [&]() -> Result<> {
    if (caller->role < page.role)
      return Error(Errc::forbidden, "this token may not read " + page.path);
    if (!caller->is_bound()) return {};
    return ops::check_bounds(*caller, page.subject, *parameters, table_.families());
  };
  if (auto allowed = may_read(); !allowed) {
    note(page.path, *caller, allowed);
    return problem_response(allowed.error());
  }
  return PagePlan{*std::move(caller), *std::move(parameters)};
}

std::variant<Response, EventsPlan> Dispatcher::plan_events(const RequestHead& head,
                                                           const std::string& address) const {
  auto query = parse_query(head.query());
  if (!query) return problem_response(query.error());
  EventsPlan plan;
  for (auto& [name, text] : *query) {
    if (name == "ticket") {
      plan.ticket = text;
    } else if (name == "topics") {
      for (auto& topic : split_list(text)) plan.topics.emplace_back(topic.as_string());
    } else if (name == "since") {
      auto end = text.data() + text.size();
      std::uint64_t since = 0;
      auto [at, ec] = std::from_chars(text.data(), end, since);
      if (ec != std::errc() || at != end)
        return problem_response(Error(Errc::bad_request, "wanted a sequence number", "/since"));
      plan.since = since;
    } else {
      return problem_response(ops::at_field(Error(Errc::bad_request, "unknown parameter"), name));
    }
  }
  auto caller = [&]() -> Result<ops::Caller> {
    if (plan.ticket.empty()) return authenticate(head, address);
    if (auto maker = tickets_.find(plan.ticket)) return *std::move(maker);
    Error unknown(Errc::unauthorized, "this ticket is not known, or was used");
    note("rest.ticket", {"stranger", ops::Role::none, {}, {}, address}, unknown);
    return unknown;
  }();
  if (!caller) return problem_response(caller.error());
  plan.caller = *std::move(caller);
  plan.caller.address = address;
  Result<> allowed;
  if (plan.caller.role < ops::Role::viewer || plan.caller.is_bound())
    allowed = Error(Errc::forbidden, "events are of all families: " + plan.caller.name +
                                         " is bound to some, and cannot listen");
  note("rest.websocket", plan.caller, allowed);
  if (!allowed) return problem_response(allowed.error());
  return plan;
}

}  // namespace muster::doors::rest
