#include "services/orchestration/mesh_nodes.h"

#include <boost/describe/enum_to_string.hpp>

#include "dist/link.h"
#include "dist/link_error.h"

namespace muster::orchestration {

using namespace std::chrono_literals;

namespace {

/// net_kernel gives a handshake seven seconds.
constexpr auto connect_limit = 15s;

mesh::NodeSpec spec_of(const RunningNode& node) {
  mesh::NodeSpec spec;
  spec.id = node.id;
  spec.name = node.name;
  spec.cookie = node.cookie;
  spec.role = node.role;
  return spec;
}

}  // namespace

Task<> MeshNodes::reach(RunningNode node, std::chrono::steady_clock::duration limit) {
  CO_TRYV(co_await manager_.reach(spec_of(node), limit));
  co_return Result<>();
}

Task<bool> MeshNodes::is_there(RunningNode node) {
  auto link = co_await manager_.try_once(spec_of(node));
  if (link) {
    if (!manager_.find(node.id)) node_.close(node.name);
    co_return true;
  }
  auto code = link.error().code;
  if (code == dist::LinkError::not_registered || code == dist::LinkError::refused) co_return false;
  if (code == dist::LinkError::timeout) co_return link.error();
  co_return true;
}

Task<> MeshNodes::hand_over(RunningNode node) {
  topology::NodeRow row;
  if (auto known = topology_.find(node.id)) {
    row = *std::move(known);  // with the role that somebody may have given it since
  } else {
    row.added_at = clock_.now();
    row.role = node.role;
  }
  row.id = node.id;
  row.name = node.name;
  row.family_id = node.family_id;
  row.family = node.family;
  row.origin = topology::Origin::deployed;
  row.cookie = node.cookie;
  row.is_wanted = true;
  CO_TRYV(co_await topology_.adopt(row));
  manager_.expect_start(node.id);
  co_return Result<>();
}

Task<> MeshNodes::set_stopped(std::string id) {
  if (!topology_.find(id)) co_return Result<>();
  co_return co_await topology_.mark_stopped(id);
}

Task<> MeshNodes::forget(std::string id) {
  if (!topology_.find(id)) co_return Result<>();
  co_return co_await topology_.drop(id);
}

Task<> MeshNodes::connect(RunningNode from, Member to) {
  CO_TRY(auto link, co_await manager_.reach(spec_of(from), connect_limit));
  if (!to.cookie.empty() && !(to.cookie == from.cookie)) {
    std::vector<etf::Term> cookie{etf::atom(to.name), etf::atom(to.cookie.reveal())};
    CO_TRYV(co_await link->call("erlang", "set_cookie", std::move(cookie), connect_limit));
  }
  std::vector<etf::Term> peer{etf::atom(to.name)};
  CO_TRY(auto answer,
         co_await link->call("net_kernel", "connect_node", std::move(peer), connect_limit));
  if (answer.is_atom("true")) co_return Result<>();
  co_return Error(Errc::unavailable,
                  fmt::format("{} could not connect with {}: another cookie, a closed "
                              "distribution port, or a host name that does not resolve there",
                              from.name, to.name));
}

std::optional<NodeManager::Health> MeshNodes::health(const std::string& id) const {
  auto* row = topology_.peek(id);
  if (row == nullptr || !row->is_wanted) return std::nullopt;
  auto* keeper = manager_.find(id);
  if (keeper && keeper->is_up()) return Health{true, {}};
  auto reason = mesh::name_of(keeper ? keeper->reason() : mesh::DownReason::starting);
  return Health{false, std::string(reason)};
}

Member MeshNodes::member(const topology::NodeRow& row) const {
  auto* keeper = manager_.find(row.id);
  return {row.id, row.name, row.cookie, keeper && keeper->is_up()};
}

std::vector<Member> MeshNodes::added(const std::string& family_id) const {
  std::vector<const topology::NodeRow*> rows;
  auto look = [&](const topology::NodeRow& row) {
    if (row.origin != topology::Origin::deployed) rows.push_back(&row);
  };
  topology_.peek_family(family_id, look);
  std::stable_sort(rows.begin(), rows.end(),
                   [](auto* a, auto* b) { return a->added_at < b->added_at; });
  std::vector<Member> all;
  for (auto* row : rows) all.push_back(member(*row));
  return all;
}

std::optional<Member> MeshNodes::find(const std::string& id_or_name) const {
  auto row = topology_.find(id_or_name);
  if (!row) return std::nullopt;
  return member(*row);
}

}  // namespace muster::orchestration
