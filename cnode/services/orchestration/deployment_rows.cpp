#include "services/orchestration/deployment_rows.h"

#include <fmt/format.h>

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "base/sha256.h"

namespace muster::orchestration {
namespace {

using store::Connection;
using store::Statement;

template <class E>
std::string text_of(E value) {
  return boost::describe::enum_to_string(value, "");
}

template <class E>
Result<E> read_enum(const std::string& text) {
  E value{};
  if (boost::describe::enum_from_string(text.c_str(), value)) return value;
  return Error(Errc::internal, fmt::format("deployed_nodes: '{}' is not known", text));
}

std::string cookie_owner(const std::string& id) {
  return "deployed_nodes/" + id + "/cookie";
}

constexpr std::string_view kAllNodes =
    "SELECT id, name, family_id, release_id, provider_id, domain_id, sha256, machine, node_host, "
    "user, cookie, goal, reached, may_run, has_joined, step, status, message, output, remedy, "
    "created_at, changed_at, size, strip FROM deployed_nodes ORDER BY created_at, id";

constexpr std::string_view kInsertNode =
    "INSERT INTO deployed_nodes (id, name, family_id, release_id, provider_id, domain_id, sha256, "
    "machine, node_host, user, cookie, goal, reached, may_run, has_joined, step, status, message, "
    "output, remedy, created_at, changed_at, size, strip) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr std::string_view kUpdateNode =
    "UPDATE deployed_nodes SET goal = ?, reached = ?, may_run = ?, has_joined = ?, step = ?, "
    "status = ?, message = ?, output = ?, remedy = ?, changed_at = ? WHERE id = ?";

constexpr std::string_view kPutRelease =
    "INSERT INTO host_releases (provider_id, machine, user, sha256, status, changed_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, "
    "changed_at = excluded.changed_at";

Result<Deployment> read_node(const Statement& s, const store::Cipher& cipher) {
  Deployment node;
  int column = 0;
  for (auto* text : {&node.id, &node.name, &node.family_id, &node.release_id, &node.provider_id,
                     &node.domain_id, &node.sha256, &node.machine, &node.node_host, &node.user})
    *text = s.text(column++);
  TRY(node.cookie, cipher.open(s.blob(10), cookie_owner(node.id)));
  TRY(node.goal, read_enum<Goal>(s.text(11)));
  TRY(node.reached, read_enum<Reached>(s.text(12)));
  node.may_run = s.boolean(13);
  node.has_joined = s.boolean(14);
  if (auto step = s.text_or_null(15)) {
    TRY(node.step, read_enum<Step>(*step));
  }
  TRY(node.status, read_enum<StepStatus>(s.text(16)));
  node.failure = {s.text(17), s.text(18), s.text(19)};
  node.created_at = s.time(20);
  node.changed_at = s.time(21);
  node.size = static_cast<std::uint64_t>(s.integer(22));
  node.strip_components = static_cast<std::uint32_t>(s.integer(23));
  return node;
}

void bind_changing(Statement& s, const Deployment& node) {
  s.bind(text_of(node.goal)).bind(text_of(node.reached)).bind(node.may_run).bind(node.has_joined);
  if (node.step)
    s.bind(text_of(*node.step));
  else
    s.bind(std::nullopt);
  s.bind(text_of(node.status)).bind(node.failure.message).bind(node.failure.output);
  s.bind(node.failure.remedy);
}

Result<> put_release(Connection& db, const HostRelease& release) {
  Statement s(db, kPutRelease);
  s.bind(release.host.provider_id).bind(release.host.machine).bind(release.host.user);
  s.bind(release.sha256).bind(text_of(release.status)).bind(release.changed_at);
  return s.run();
}

}  // namespace

std::string tag_of(const HostKey& host) {
  return sha256_hex(host.provider_id + '\n' + host.machine + '\n' + host.user).substr(0, 12);
}

Task<std::vector<Deployment>> DeploymentRows::nodes() {
  auto job = [this](Connection& db) -> Result<std::vector<Deployment>> {
    std::vector<Deployment> nodes;
    Statement s(db, kAllNodes);
    while (s.step()) {
      TRY(auto node, read_node(s, cipher_));
      nodes.push_back(std::move(node));
    }
    TRYV(s.result());
    return nodes;
  };
  co_return co_await database_.read(job);
}

Task<std::vector<HostRelease>> DeploymentRows::host_releases() {
  auto job = [](Connection& db) -> Result<std::vector<HostRelease>> {
    std::vector<HostRelease> releases;
    Statement s(db,
                "SELECT provider_id, machine, user, sha256, status, changed_at FROM host_releases");
    while (s.step()) {
      HostRelease release{{s.text(0), s.text(1), s.text(2)}, s.text(3), {}, s.time(5)};
      TRY(release.status, read_enum<ArchiveStatus>(s.text(4)));
      releases.push_back(std::move(release));
    }
    TRYV(s.result());
    return releases;
  };
  co_return co_await database_.read(job);
}

Task<> DeploymentRows::insert(const std::vector<Deployment>& nodes) {
  auto job = [this, &nodes](Connection& db) -> Result<> {
    Statement s(db, kInsertNode);
    for (auto& node : nodes) {
      s.reset();
      for (auto* text : {&node.id, &node.name, &node.family_id, &node.release_id, &node.provider_id,
                         &node.domain_id, &node.sha256, &node.machine, &node.node_host, &node.user})
        s.bind(*text);
      s.bind_blob(cipher_.seal(node.cookie, cookie_owner(node.id)));
      bind_changing(s, node);
      s.bind(node.created_at).bind(node.changed_at);
      TRYV(s.bind(static_cast<std::int64_t>(node.size)).bind(node.strip_components).run());
    }
    return {};
  };
  co_return co_await database_.write(std::move(job));
}

Task<> DeploymentRows::update(Deployment node) {
  auto job = [node = std::move(node)](Connection& db) -> Result<> {
    Statement s(db, kUpdateNode);
    bind_changing(s, node);
    return s.bind(node.changed_at).bind(node.id).run();
  };
  co_return co_await database_.write(std::move(job));
}

Task<> DeploymentRows::remove(std::string id, std::optional<HostRelease> release) {
  auto job = [id = std::move(id), release = std::move(release)](Connection& db) -> Result<> {
    if (release) {
      TRYV(put_release(db, *release));
    }
    Statement s(db, "DELETE FROM deployed_nodes WHERE id = ?");
    return s.bind(id).run();
  };
  co_return co_await database_.write(std::move(job));
}

Task<> DeploymentRows::put(HostRelease release) {
  auto job = [release = std::move(release)](Connection& db) { return put_release(db, release); };
  co_return co_await database_.write(std::move(job));
}

Task<> DeploymentRows::remove(HostRelease release) {
  auto job = [release = std::move(release)](Connection& db) -> Result<> {
    Statement s(db,
                "DELETE FROM host_releases WHERE provider_id = ? AND machine = ? AND user = ? AND "
                "sha256 = ?");
    s.bind(release.host.provider_id).bind(release.host.machine).bind(release.host.user);
    return s.bind(release.sha256).run();
  };
  co_return co_await database_.write(std::move(job));
}

}  // namespace muster::orchestration
