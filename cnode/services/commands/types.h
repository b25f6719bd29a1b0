#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ops/convert.h"
#include "services/commands/arguments.h"

/// What the operations of `commands` take and give.
namespace muster::commands {

struct RunCommand {
  std::string module, function;
  std::optional<Arguments> args;
  std::vector<std::string> nodes;
  std::optional<std::string> family;
  std::optional<std::uint32_t> timeout;

  static constexpr ops::Alias aliases[] = {{"m", "module"},
                                           {"f", "function"},
                                           {"a", "args"},
                                           {"arguments", "args"},
                                           {"node_family", "family"}};
  static constexpr ops::Doc docs[] = {
      {"args",
       "list of arguments; in JSON, text is a binary, and {\"$atom\": \"x\"}, {\"$tuple\": […]} "
       "and "
       "{\"$string\": \"x\"} are what they say"},
      {"nodes", "ids or names"},
      {"family", "all nodes of this family"},
      {"timeout", "ms for each node, 5000 when absent, at most 3600000"}};
};
BOOST_DESCRIBE_STRUCT(RunCommand, (), (module, function, args, nodes, family, timeout))

enum class Outcome { value, exception, timeout, down };
BOOST_DESCRIBE_ENUM(Outcome, value, exception, timeout, down)

struct NodeResult {
  std::string id;
  ops::NodeName node;
  Outcome outcome = Outcome::down;
  std::optional<etf::Term> value;      ///< what it returned
  std::optional<std::string> kind;     ///< of an exception: error, exit, throw
  std::optional<etf::Term> reason;     ///< of an exception
  std::optional<etf::Term> stack;      ///< of an error
  std::optional<std::string> message;  ///< why there was no answer
  std::uint32_t duration_ms = 0;
};
BOOST_DESCRIBE_STRUCT(NodeResult, (),
                      (id, node, outcome, value, kind, reason, stack, message, duration_ms))

struct RunView {
  std::string id, module, function, caller;
  Timestamp started_at;
  std::optional<Timestamp> finished_at;
  std::vector<NodeResult> results;
};
BOOST_DESCRIBE_STRUCT(RunView, (), (id, module, function, caller, started_at, finished_at, results))

/// A run in a list: without what the nodes answered.
struct RunSummary {
  std::string id, module, function, caller;
  Timestamp started_at;
  std::optional<Timestamp> finished_at;
  std::uint32_t nodes = 0;
};
BOOST_DESCRIBE_STRUCT(RunSummary, (),
                      (id, module, function, caller, started_at, finished_at, nodes))

struct RunById {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(RunById, (), (id))

}  // namespace muster::commands
