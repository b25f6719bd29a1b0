#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mesh/node_facts.h"
#include "services/topology/types.h"
#include "store/cipher.h"
#include "store/database.h"

namespace muster::topology {

/// One row of `nodes`, its cookie opened.
struct NodeRow {
  std::string id, name;
  std::optional<std::string> family_id, family;  ///< of an added node: once it was UP
  Origin origin = Origin::added;
  Secret cookie;                     ///< empty: the home cookie, or the daemon's own
  ops::Role role = ops::Role::none;  ///< what it may do here when it has proved `cookie`
  std::optional<std::uint16_t> dist_port;
  bool tls = false;
  Agents agents = Agents::all;
  bool is_wanted = true;  ///< false: stopped on purpose
  Timestamp added_at;
  std::optional<mesh::NodeFacts> facts;  ///< when it was last UP
};

/// The table `nodes` and, for added nodes, their `node_families`. All its SQL is here.
class NodeRows {
 public:
  NodeRows(store::Database& database, const store::Cipher& cipher)
      : database_(database), cipher_(cipher) {}

  Task<std::vector<NodeRow>> all();
  /// Error: conflict where the name is taken.
  Task<> insert(NodeRow row);
  Task<> update(NodeRow row);
  /// Facts of a node that came up. An added node's family is the one of its boot script id, made
  /// where it is missing; what comes back is the row with it.
  Task<NodeRow> record_facts(NodeRow row, mesh::NodeFacts facts, Timestamp now);
  /// With it goes the family that was made for it, when it was the last one there.
  Task<> remove(NodeRow row);
  /// Those that were made for added nodes and have none: from before they went by themselves.
  Task<> drop_empty_families();

 private:
  std::string owner(const std::string& id) const { return "nodes/" + id + "/cookie"; }
  Result<> write(store::Connection& db, const NodeRow& row, const char* sql) const;

  store::Database& database_;
  const store::Cipher& cipher_;
};

}  // namespace muster::topology
