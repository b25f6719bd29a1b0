#include "services/topology/node_rows.h"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "base/random.h"
#include "ops/role_text.h"

namespace muster::topology {

using store::Connection;
using store::Statement;

namespace {

constexpr auto select_all =
    "SELECT n.id, n.name, n.family_id, f.name, n.origin, n.cookie, n.dist_port, n.tls, n.agents, "
    "n.wanted,"
    " n.added_at, n.otp_release, n.erts_version, n.architecture, n.script_name, n.script_version, "
    "n.started_at,"
    " n.creation, n.role FROM nodes n LEFT JOIN node_families f ON f.id = n.family_id";

constexpr auto insert_row =
    "INSERT INTO nodes (family_id, origin, cookie, role, dist_port, tls, agents, wanted, name, "
    "added_at, id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr auto update_row =
    "UPDATE nodes SET family_id = ?, origin = ?, cookie = ?, role = ?, dist_port = ?, tls = ?, "
    "agents = ?, "
    "wanted = ?,"
    " name = ?, added_at = ? WHERE id = ?";

constexpr auto update_facts =
    "UPDATE nodes SET family_id = ?, otp_release = ?, erts_version = ?, architecture = ?, "
    "script_name = ?,"
    " script_version = ?, started_at = ?, creation = ? WHERE id = ?";

template <class E>
const char* text_of(E value) {
  return boost::describe::enum_to_string(value, "");
}

std::optional<mesh::NodeFacts> facts_of(const Statement& s) {
  if (s.is_null(11)) return std::nullopt;
  return mesh::NodeFacts{s.text(11),
                         s.text(12),
                         s.text(13),
                         s.text(14),
                         s.text(15),
                         s.time(16),
                         static_cast<std::uint32_t>(s.integer(17))};
}

/// The family of added nodes with this boot script id, made where it is missing. A deployed family
/// may have taken the plain name.
Result<std::pair<std::string, std::string>> family_for(Connection& db, const mesh::NodeFacts& facts,
                                                       Timestamp now) {
  auto plain = facts.script_name + " " + facts.script_version;
  for (auto& name : {plain, plain + " (added)"}) {
    Statement find(db, "SELECT id, origin FROM node_families WHERE name = ?");
    find.bind(name);
    if (find.step()) {
      if (find.text(1) == "added") return std::pair(find.text(0), name);
      continue;
    }
    TRYV(find.result());
    Statement insert(
        db, "INSERT INTO node_families (id, name, origin, created_at) VALUES (?, ?, 'added', ?)");
    auto id = random_uuid();
    TRYV(insert.bind(id).bind(name).bind(now).run());
    return std::pair(id, name);
  }
  return Error(Errc::conflict, "the name of family '" + plain + "' is taken");
}

/// Families that were made for nodes and have none any more: this one, or all of them.
Result<> drop_empty_families(Connection& db, const std::optional<std::string>& id = {}) {
  Statement s(db,
              "DELETE FROM node_families WHERE origin = 'added' AND id = coalesce(?, id)"
              " AND id NOT IN (SELECT family_id FROM nodes WHERE family_id IS NOT NULL)");
  return s.bind(id).run();
}

}  // namespace

Task<> NodeRows::drop_empty_families() {
  auto job = [](Connection& db) { return topology::drop_empty_families(db); };
  co_return co_await database_.write(job);
}

Task<std::vector<NodeRow>> NodeRows::all() {
  auto job = [this](Connection& db) -> Result<std::vector<NodeRow>> {
    std::vector<NodeRow> rows;
    Statement s(db, select_all);
    while (s.step()) {
      NodeRow row;
      row.id = s.text(0);
      row.name = s.text(1);
      row.family_id = s.text_or_null(2);
      row.family = s.text_or_null(3);
      boost::describe::enum_from_string(s.text(4).c_str(), row.origin);
      if (!s.is_null(5)) {
        TRY(row.cookie, cipher_.open(s.blob(5), owner(row.id)));
      }
      if (auto port = s.integer_or_null(6)) row.dist_port = static_cast<std::uint16_t>(*port);
      row.tls = s.boolean(7);
      boost::describe::enum_from_string(s.text(8).c_str(), row.agents);
      row.is_wanted = s.boolean(9);
      row.added_at = s.time(10);
      row.facts = facts_of(s);
      row.role = ops::role_from(s.text(18));
      rows.push_back(std::move(row));
    }
    TRYV(s.result());
    return rows;
  };
  co_return co_await database_.read(job);
}

Result<> NodeRows::write(Connection& db, const NodeRow& row, const char* sql) const {
  Statement s(db, sql);
  s.bind(row.family_id).bind(text_of(row.origin));
  if (row.cookie.empty()) {
    s.bind(std::nullopt);
  } else {
    s.bind_blob(cipher_.seal(row.cookie, owner(row.id)));
  }
  s.bind(ops::role_text(row.role))
      .bind(row.dist_port)
      .bind(row.tls)
      .bind(text_of(row.agents))
      .bind(row.is_wanted);
  return s.bind(row.name).bind(row.added_at).bind(row.id).run();
}

Task<> NodeRows::insert(NodeRow row) {
  auto job = [this, &row](Connection& db) -> Result<> {
    auto written = write(db, row, insert_row);
    if (!written && written.error().errc() == Errc::conflict)
      return Error(Errc::conflict, row.name + " is managed already", "/name");
    return written;
  };
  co_return co_await database_.write(job);
}

Task<> NodeRows::update(NodeRow row) {
  auto job = [this, &row](Connection& db) { return write(db, row, update_row); };
  co_return co_await database_.write(job);
}

Task<NodeRow> NodeRows::record_facts(NodeRow row, mesh::NodeFacts facts, Timestamp now) {
  auto before = row.family_id;
  auto job = [&](Connection& db) -> Result<> {
    if (row.origin == Origin::added) {
      TRY(auto family, family_for(db, facts, now));
      row.family_id = family.first;
      row.family = family.second;
    }
    Statement s(db, update_facts);
    s.bind(row.family_id).bind(facts.otp_release).bind(facts.erts_version).bind(facts.architecture);
    s.bind(facts.script_name)
        .bind(facts.script_version)
        .bind(facts.started_at)
        .bind(facts.creation);
    TRYV(s.bind(row.id).run());
    return before && before != row.family_id ? topology::drop_empty_families(db, before)
                                             : Result<>();
  };
  CO_TRYV(co_await database_.write(job));
  row.facts = std::move(facts);
  co_return row;
}

Task<> NodeRows::remove(NodeRow row) {
  auto job = [&row](Connection& db) -> Result<> {
    Statement s(db, "DELETE FROM nodes WHERE id = ?");
    TRYV(s.bind(row.id).run());
    return row.family_id ? topology::drop_empty_families(db, row.family_id) : Result<>();
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::topology
