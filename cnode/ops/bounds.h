#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ops/caller.h"
#include "ops/type.h"

namespace muster::ops {

/// By which members the requests of an operation name families and nodes. A caller that is bound to
/// families may call it when the request gives at least one of them, and all that are given lie
/// within its families. Declared where the handler looks at nothing else; an operation that
/// declares nothing is not for bound callers.
struct Subject {
  std::string family = {};         ///< id or name
  std::string node = {};           ///< of a managed node, or a list of them
  std::string deployed_node = {};  ///< of a node that was deployed here
  bool is_nobodys = false;         ///< it tells and changes nothing of anybody's nodes

  bool is_given() const {
    return is_nobodys || !family.empty() || !node.empty() || !deployed_node.empty();
  }
};

/// Which families something is of, by its id or name: ids, none where there is no such thing. Given
/// by app, which asks topology and orchestration.
struct FamilyLookup {
  using Ids = std::vector<std::string>;
  std::function<Ids(const std::string&)> family, node, deployed_node;
};

/// forbidden, where `given`, member names and their values, names nothing of `subject`, or
/// something that is not of the caller's families.
Result<void> check_bounds(const Caller& caller, const Subject& subject,
                          const std::vector<std::pair<std::string, std::string>>& given,
                          const FamilyLookup& lookup);
/// The same for a request.
Result<void> check_bounds(const Caller& caller, const Subject& subject, const Struct* structure,
                          const void* request, const FamilyLookup& lookup);

}  // namespace muster::ops
