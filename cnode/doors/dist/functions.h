#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dist/node.h"
#include "ops/table.h"

namespace muster::doors::dist {

/// One M:F(A), as a shell, rpc, erpc or rex asks for it.
struct Call {
  std::string module, function;
  std::vector<etf::Term> arguments;
};

/// What our node has under M:F/Arity.
struct Undefined {};
struct Value {
  etf::Term term;
};
struct OperationCall {
  const ops::Operation* operation;
  etf::Term arguments;
};
/// muster:h(): text for the caller's shell, written through its group leader.
struct Print {
  std::string text;
};
using Function = std::variant<Undefined, Value, OperationCall, Print>;

/// The functions that peers find here: Service:Operation(Args) for every row of the table (no
/// argument is an empty one), Service:module_info/0,1, muster:h/0, and erlang:whereis/1, node/0,
/// registered/0. All else is undefined, as on a node without that module. Decides without I/O; the
/// link says which of our names the peer knows.
class Functions {
 public:
  Functions(const ops::Table& table, const muster::dist::Node& node) : table_(table), node_(node) {}

  /// An operation takes its argument out of `call`; else `call` stays as it is.
  Function find(Call& call, const muster::dist::Link& link) const;

 private:
  Function builtin(const Call& call, const muster::dist::Link& link) const;
  std::optional<etf::Term> module_info(const std::string& service, const Call& call) const;
  const std::string& help_text() const;

  const ops::Table& table_;
  const muster::dist::Node& node_;
  mutable std::string help_;  ///< made at the first call: the table does not change any more
};

}  // namespace muster::doors::dist
