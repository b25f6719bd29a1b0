#include "services/topology/explorer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/all.h"
#include "base/random.h"

#include "mesh/stock_calls.h"

namespace muster::topology {

using namespace std::chrono_literals;
using mesh::StockCalls;

namespace {
constexpr auto time_limit = 5s;
constexpr std::size_t most_nodes = 20'000;
}  // namespace

Result<> check_node_name(const std::string& name) {
  auto at = name.find('@');
  auto is_fine = [](std::string_view part, std::string_view extra) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](unsigned char c) {
      return std::isalnum(c) || extra.find(static_cast<char>(c)) != std::string_view::npos;
    });
  };
  if (at == std::string::npos || name.size() > 255 || !is_fine(name.substr(0, at), "_-") ||
      !is_fine(name.substr(at + 1), "._-:"))
    return Error(Errc::bad_request, fmt::format("'{}' is no node name: alive@host wanted", name),
                 "/name");
  return {};
}

Task<Neighbours> Explorer::ask(NodeRow node) {
  auto slot = co_await slots_.take();
  bool was_linked = node_.find(node.name) != nullptr;
  auto name = node.name;
  CO_TRY(auto link, co_await manager_.reach(spec_of(node), time_limit));
  StockCalls calls;
  calls.add("erlang", "nodes").add("init", "get_arguments");
  auto arguments = std::move(calls).arguments();
  auto answer = co_await link->call(StockCalls::module, StockCalls::function, std::move(arguments),
                                    time_limit);
  if (!was_linked && !topology_.has(name)) node_.close(name);
  if (!answer) co_return std::move(answer).error();
  co_return parse_neighbours(*answer);
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
  Discovery discovery(seed.name, most_nodes);
  for (auto level = discovery.take_level(); !level.empty(); level = discovery.take_level()) {
    std::vector<NodeRow> rows;
    for (auto& found : level) rows.push_back(like(seed, found.name));
    std::vector<Task<Neighbours>> questions;
    for (auto& row : rows) questions.push_back(ask(row));
    auto answers = co_await all(std::move(questions));
    for (std::size_t i = 0; i < level.size(); ++i) {
      auto& name = level[i].name;
      if (!answers[i] && name == seed.name)
        co_return std::move(answers[i]).error().context("discover from " + name);
      if (!answers[i]) {
        view.unreachable.push_back({name});
        continue;
      }
      if (!discovery.answered(name, *answers[i]) || name == seed.name) continue;
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
  co_return view;
}

}  // namespace muster::topology
