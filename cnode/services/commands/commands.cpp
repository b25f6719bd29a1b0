#include "services/commands/commands.h"

#include <fmt/format.h>

#include "base/all.h"
#include "base/random.h"
#include "etf/encode.h"
#include "etf/print.h"
#include "mesh/stock_calls.h"
#include "ops/rows.h"

namespace muster::commands {

using mesh::StockCalls;
using ops::Caller;

namespace {

using Duration = std::chrono::steady_clock::duration;

constexpr auto quick = std::chrono::minutes(1);
constexpr auto default_limit = std::chrono::milliseconds(5000);
constexpr std::uint32_t longest_limit = 3'600'000;
constexpr std::size_t most_nodes = 10'000;

std::string_view kind_name(dist::CallOutcome::Kind kind) {
  switch (kind) {
    case dist::CallOutcome::Kind::threw:
      return "throw";
    case dist::CallOutcome::Kind::exited:
      return "exit";
    default:
      return "error";
  }
}

void fill(NodeResult& result, Result<dist::CallOutcome> outcome) {
  if (!outcome) {
    result.outcome = outcome.error().errc() == Errc::timeout ? Outcome::timeout : Outcome::down;
    result.message = outcome.error().text();
  } else if (outcome->is_ok()) {
    result.outcome = Outcome::value;
    result.value = std::move(outcome->value);
  } else {
    result.outcome = Outcome::exception;
    result.kind = kind_name(outcome->kind);
    result.reason = std::move(outcome->value);
    result.stack = std::move(outcome->stack);
  }
}

void leave_out(NodeResult& result) {
  result.value = result.reason = result.stack = std::nullopt;
  result.outcome = Outcome::down;
  result.message = "its answer is left out: the daemon has no memory for it now";
}

}  // namespace

std::vector<ops::Operation> Commands::operations() {
  using ops::Role;
  ops::Rows rows("commands", *this);
  ops::Row run_row{"commands",
                   "run",
                   {"POST", "/api/commands"},
                   Role::admin,
                   "Apply Module:Function(Args) on nodes or a family, and say what each answered"};
  run_row.ends_with_caller = run_row.limits_itself = true;
  run_row.subject = {.family = "family", .node = "nodes"};
  rows.add(std::move(run_row), &Commands::run);
  rows.add("list_runs", {"GET", "/api/commands"}, Role::admin, "The recorded runs, newest first",
           &Commands::list_runs);
  rows.add("get_run", {"GET", "/api/commands/:id"}, Role::admin,
           "One recorded run with every node's answer", &Commands::get_run);
  return rows.take();
}

Result<std::vector<topology::NodeRow>> Commands::targets(const RunCommand& request) const {
  std::vector<topology::NodeRow> nodes;
  if (request.nodes.empty() == !request.family)
    return Error(Errc::bad_request, "either nodes or family wanted", "/nodes");
  if (request.family) return topology_.of_family(*request.family);
  if (request.nodes.size() > most_nodes)
    return Error(Errc::too_large, fmt::format("at most {} nodes", most_nodes), "/nodes");
  std::set<std::string_view> asked;
  std::set<std::string> seen;  // ids: a node may be asked for by its name, too
  for (std::size_t i = 0; i < request.nodes.size(); ++i) {
    if (!asked.insert(request.nodes[i]).second) continue;
    auto node = topology_.find(request.nodes[i]);
    if (!node) return Error(Errc::not_found, node.error().message, fmt::format("/nodes/{}", i));
    if (seen.insert(node->id).second) nodes.push_back(std::move(*node));
  }
  return nodes;
}

Task<RunView> Commands::run(RunCommand request, Caller caller) {
  CO_TRY(auto nodes, targets(request));
  if (request.timeout.value_or(1) == 0 || request.timeout.value_or(1) > longest_limit)
    co_return Error(Errc::bad_request, fmt::format("1 to {} ms wanted", longest_limit), "/timeout");
  Order order;
  order.module = request.module;
  order.function = request.function;
  auto given = std::move(request.args).value_or(Arguments{});
  order.atoms = std::move(given.atoms);
  order.atoms.insert({request.module, request.function});
  order.limit = request.timeout ? std::chrono::milliseconds(*request.timeout) : default_limit;
  order.left = nodes.size();
  order.caller = caller.name;

  RunView view{
      random_uuid(), order.module, order.function, caller.name, clock_.now(), std::nullopt, {}};
  etf::Term arguments(etf::List{std::move(given.terms), nullptr});
  auto encoded = etf::encode_external(arguments);
  order.arguments = std::move(arguments.get_if<etf::List>()->elements);
  CO_TRYV(co_await runs_.begin(view, std::move(encoded)));
  view.results.resize(nodes.size());
  bool is_recorded = false;  // then its thread reads the answers, and they go with this call
  Budget::Holder holder(budget_, caller.name, [&] {
    if (is_recorded) return;
    std::for_each(view.results.begin(), view.results.end(), leave_out);
    holder.give_back(holder.held());
  });
  std::vector<asio::awaitable<bool>> calls;
  auto& lane = order.limit <= quick ? quick_ : long_;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    calls.push_back(run_on(std::move(nodes[i]), order, view.results[i], holder, lane));
  co_await all(std::move(calls));
  view.finished_at = clock_.now();
  is_recorded = true;
  CO_TRYV(co_await runs_.finish(view));
  co_return view;
}

/// False: its answer is left out.
asio::awaitable<bool> Commands::run_on(topology::NodeRow node, Order& order, NodeResult& result,
                                       Budget::Holder& holder, Lane& lane) {
  auto share = lane.shares.get(order.caller, lane.most_of_one);
  auto own = co_await share->take();
  auto slot = co_await lane.slots.take(order.caller);
  co_await wait_for_turn();
  result.id = node.id;
  result.node = {node.name};
  auto start = clock_.steady();
  if (auto link = manager_.link(node.id)) {
    fill(result, co_await apply(**link, order));
  } else {
    fill(result, link.error());
  }
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - start);
  result.duration_ms = static_cast<std::uint32_t>(took.count());
  bool fits = holder.take(ops::type_of<NodeResult>().weight(&result));
  if (!fits) leave_out(result);
  co_return fits;
}

/// Others have their turn when what was sent to nodes since the last one took long. One waits at a
/// time, so those that go on afterwards do not all do so at once.
asio::awaitable<void> Commands::wait_for_turn() {
  auto held = co_await senders_.take();
  if (turn_.is_over()) co_await next_turn(turn_);
}

/// The names are asked for as text first: an atom that the node has never seen is not sent, so that
/// typing errors do not fill its atom table. A module that is not loaded yet counts when its file
/// is on the code path. All of it within the one time limit.
Task<dist::CallOutcome> Commands::apply(dist::Link& link, Order& order) {
  auto end = clock_.steady() + order.limit;
  auto left = [&] { return std::max<Duration>(end - clock_.steady(), Duration(1)); };
  StockCalls known;
  for (auto& name : order.atoms)
    known.add("erlang", "binary_to_existing_atom", etf::list(etf::binary(name), etf::atom("utf8")));
  auto names = std::move(known).arguments();
  CO_TRY(auto check,
         co_await link.apply(StockCalls::module, StockCalls::function, std::move(names), left()));
  if (!check.is_ok()) {
    std::vector<etf::Term> file{etf::CharList{order.module + ".beam"}};
    CO_TRY(auto found, co_await link.apply("code", "where_is_file", std::move(file), left()));
    if (!found.is_ok() || found.value.is_atom("non_existing")) {
      auto mfa = etf::tuple(etf::binary(order.module), etf::binary(order.function),
                            static_cast<std::int64_t>(order.arguments.size()));
      co_return dist::CallOutcome{dist::CallOutcome::Kind::failed,
                                  etf::tuple(etf::atom("undef"), mfa), etf::Term()};
    }
  }
  co_await wait_for_turn();
  auto arguments = --order.left == 0 ? std::move(order.arguments) : order.arguments;
  co_return co_await link.apply(order.module, order.function, std::move(arguments), left());
}

Task<RunView> Commands::get_run(RunById request, Caller caller) {
  auto held = co_await reading_.take(caller.name);
  co_return co_await runs_.get(std::move(request.id));
}

Task<ops::Page<RunSummary>> Commands::list_runs(ops::PageRequest request, Caller caller) {
  auto held = co_await reading_.take(caller.name);
  co_return co_await runs_.list(std::move(request));
}

}  // namespace muster::commands
