#include "ops/builtin.h"

#include "ops/openapi.h"

namespace muster::ops {
namespace {

template <class T>
Task<T> ready(T value) {
  co_return value;
}

}  // namespace

std::vector<Operation> builtin(const Table& table, const EventBus& bus, const Clock& clock) {
  std::vector<Operation> rows;
  Row help_row{"muster", "help", {"GET", "/api/help"}, Role::viewer, "Every operation there is"};
  rows.push_back(operation<Empty, std::vector<Help>>(
      help_row, [&table](Empty, Caller) { return ready(help(table)); }));

  Row openapi_row{"muster",
                  "openapi",
                  {"GET", "/api/openapi.json"},
                  Role::viewer,
                  "The OpenAPI document of the REST interface"};
  rows.push_back(operation<Empty, json::value>(openapi_row, [&table, &bus](Empty, Caller) {
    return ready(json::value(openapi(table, bus.topics())));
  }));

  Row health_row{
      "muster", "health", {"GET", "/api/health"}, Role::viewer, "Whether the daemon works"};
  health_row.is_anonymous = true;
  auto health = [started = clock.now()](Empty, Caller) {
    return ready(Health{"ok", MUSTER_VERSION, started});
  };
  rows.push_back(operation<Empty, Health>(health_row, health));

  Row echo_row{
      "muster", "echo", {"POST", "/api/echo"}, Role::viewer, "Gives back what it was given"};
  rows.push_back(operation<etf::Term, etf::Term>(
      echo_row, [](etf::Term term, Caller) { return ready(std::move(term)); }));
  return rows;
}

}  // namespace muster::ops
