#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/convert.h"
#include "services/orchestration/rows.h"

/// Parts of a family in the notation that callers use; the same notation is stored.
namespace muster::orchestration {

/// What a strategy takes beside its name: an object, or a list of objects with one member each as
/// RELEASE D4.3 has it ([{"cmd": "bin/bootstrap"}]).
struct StrategyOptions {
  std::string cmd;
  std::vector<std::string> args;
};

/// How new nodes are bootstrapped, as it is given: absent members get their defaults.
struct BootstrapSettings {
  std::optional<Selection> node_selection;
  std::optional<Strategy> strategy;
  std::optional<StrategyOptions> opts;

  static constexpr ops::Alias aliases[] = {{"bootstrap_node_selection", "node_selection"},
                                           {"bootstrap_strategy", "strategy"},
                                           {"bootstrap_strategy_opts", "opts"},
                                           {"strategy_opts", "opts"}};
};
BOOST_DESCRIBE_STRUCT(BootstrapSettings, (), (node_selection, strategy, opts))

/// A neighbour as it is given.
struct NeighborSettings : BootstrapSettings {
  std::string family;

  static constexpr ops::Alias aliases[] = {{"bootstrap_node_selection", "node_selection"},
                                           {"bootstrap_strategy", "strategy"},
                                           {"bootstrap_strategy_opts", "opts"},
                                           {"strategy_opts", "opts"},
                                           {"family_id", "family"},
                                           {"node_family", "family"},
                                           {"id", "family"}};
};
BOOST_DESCRIBE_STRUCT(NeighborSettings, (BootstrapSettings), (family))

/// Fills in the defaults: a strategy without a selection selects at random. Errors: bad_request
/// whose field begins with `where`, for a custom strategy without its cmd, options without custom,
/// or a selection that no strategy uses.
Result<Bootstrap> bootstrap_of(const BootstrapSettings& given, const std::string& where);
BootstrapSettings settings_of(const Bootstrap& bootstrap);

}  // namespace muster::orchestration

namespace muster::ops {

/// "none", "random", "first", "all"; {"node": Id} in JSON, {node, Id} in Erlang.
template <>
struct Convert<orchestration::Selection> {
  static Result<orchestration::Selection> read(const Input& from);
  static json::value to_json(const orchestration::Selection& selection);
  static etf::Term to_term(const orchestration::Selection& selection);
  static json::object schema();
};

template <>
struct Convert<orchestration::StrategyOptions> {
  static Result<orchestration::StrategyOptions> read(const Input& from);
  static json::value to_json(const orchestration::StrategyOptions& options);
  static etf::Term to_term(const orchestration::StrategyOptions& options);
  static json::object schema();
};

}  // namespace muster::ops
