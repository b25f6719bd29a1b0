#pragma once

#include <string>

#include "ops/operation.h"

namespace muster::orchestration {

/// The row of an operation on one kind of entries, "releases" say: at /api/orch/releases and what
/// is in `rest`, and without the /orch, as older slides have it.
inline ops::Row entry_row(const std::string& kind, std::string name, std::string verb,
                          const std::string& rest, ops::Role role, std::string doc) {
  ops::Row row{"orchestration", std::move(name), {std::move(verb), {}}, role, std::move(doc)};
  row.http.path = "/api/orch/" + kind + rest;
  row.http.alias_paths = {"/api/" + kind + rest};
  return row;
}

}  // namespace muster::orchestration
