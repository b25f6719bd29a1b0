#include "services/topology/explorer.h"

#include "base/all.h"
#include "base/random.h"
#include "base/timeout.h"
#include "mesh/stock_calls.h"

namespace muster::topology {

using namespace std::chrono_literals;
using mesh::StockCalls;

namespace {
constexpr auto time_limit = 5s;
constexpr auto whole_limit = 60s;
constexpr std::size_t most_unknown = 200;
}  // namespace

Task<std::shared_ptr<dist::Link>> Explorer::reach(NodeRow node, bool is_seed) {
  auto spec = spec_of(node);
  if (is_seed) co_return co_await manager_.reach(std::move(spec), time_limit);
  auto attempt = manager_.try_once(std::move(spec));
  co_return co_await with_timeout(std::move(attempt), time_limit, "connect to " + node.name);
}

Task<bool> Explorer::ask(NodeRow node, bool is_seed, Discovery& discovery) {
  auto slot = co_await slots_.take();
  if (std::chrono::steady_clock::now() >= until_) co_return Error(Errc::timeout, "no time is left");
  auto name = node.name;
  bool was_linked = node_.find(name) != nullptr;
  CO_TRY(auto link, co_await reach(std::move(node), is_seed));
  StockCalls calls;
  calls.add("erlang", "nodes").add("init", "get_arguments");
  auto arguments = std::move(calls).arguments();
  auto answer = co_await link->call(StockCalls::module, StockCalls::function, std::move(arguments),
                                    time_limit);
  if (!was_linked && !topology_.has(name)) node_.close(name);
  if (!answer) co_return std::move(answer).error();
  CO_TRY(auto neighbours, parse_neighbours(*answer));
  co_return discovery.answered(name, neighbours);
}

NodeRow Explorer::like(const NodeRow& seed, const std::string& name) const {
  if (auto known = topology_.find(name)) return *known;
  NodeRow row;
  row.id = random_uuid();
  row.name = name;
  row.cookie = seed.cookie;
  row.tls = seed.tls;
  row.agents = seed.agents;
  row.added_at = clock_.now();
  return row;
}

Task<DiscoveryView> Explorer::explore(NodeRow seed, bool add) {
  DiscoveryView view;
  auto is_managed = [this](const std::string& name) { return topology_.has(name); };
  Discovery discovery(seed.name, most_unknown, is_managed);
  until_ = std::chrono::steady_clock::now() + whole_limit;
  for (auto level = discovery.take_level(); !level.empty(); level = discovery.take_level()) {
    std::vector<NodeRow> rows;
    for (auto& found : level) rows.push_back(like(seed, found.name));
    std::vector<Task<bool>> questions;
    for (auto& row : rows) questions.push_back(ask(row, row.name == seed.name, discovery));
    auto answers = co_await all(std::move(questions));
    for (std::size_t i = 0; i < level.size(); ++i) {
      auto& name = level[i].name;
      if (!answers[i] && name == seed.name)
        co_return std::move(answers[i]).error().context("discover from " + name);
      if (!answers[i]) {
        view.unreachable.push_back({name});
        continue;
      }
      if (!*answers[i] || name == seed.name) continue;
      auto finding = topology_.has(name) ? Finding::known : add ? Finding::added : Finding::found;
      if (finding == Finding::added) {
        auto adopted = co_await topology_.adopt(rows[i]);
        if (auto known = topology_.peek(name); known && !adopted) {  // somebody was faster
          finding = Finding::known;
          rows[i] = *known;
        } else if (!adopted) {
          co_return std::move(adopted).error();
        }
      }
      std::optional<std::string> id;
      if (finding != Finding::found) id = rows[i].id;
      view.nodes.push_back({{name}, finding, std::move(id), {level[i].seen_from}});
    }
  }
  view.left_out = discovery.left_out();
  co_return view;
}

}  // namespace muster::topology
